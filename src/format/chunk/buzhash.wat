;; Rolling-hash chunker over a chunk that lies in one piece in shared memory (spec chunker.md §2).
;; Built by scripts/build-wasm.js into buzhash-wasm-module.ts; the rule is explained in buzhash-chunker.ts.
;;
;; The module keeps no state: the hash depends only on the 64 bytes before the scanned position, which are still
;; there, so it is computed anew at each call. Bytes 0..1023 of the memory hold the substitution table.
(module
  (import "env" "memory" (memory 1 65536 shared))

  ;; find_cut(chunk, scanned, size, min, max, mask, limit) -> size of the chunk, or 0 when it goes on
  ;;   chunk    address of the chunk's first byte
  ;;   scanned  bytes that earlier calls have judged
  ;;   size     bytes of the chunk that are in memory
  (func (export "find_cut")
    (param $chunk i32) (param $scanned i32) (param $size i32)
    (param $min i32) (param $max i32) (param $mask i32) (param $limit i32)
    (result i32)
    (local $at i32)      ;; address of the next byte to enter the window
    (local $end i32)     ;; address behind the last byte to enter
    (local $hash i32)
    (local $in i64)      ;; the next eight bytes to enter, lowest first
    (local $out i64)     ;; the next eight bytes to leave

    (if (i32.gt_u (local.get $size) (local.get $max)) (then (local.set $size (local.get $max))))
    ;; The first cut can be behind byte min-1, so the window has to be full before that byte enters.
    (local.set $at (i32.sub (local.get $min) (i32.const 1)))
    (if (i32.gt_u (local.get $scanned) (local.get $at)) (then (local.set $at (local.get $scanned))))
    (if (i32.ge_u (local.get $at) (local.get $size)) (then (return (i32.const 0))))
    (local.set $at (i32.add (local.get $chunk) (local.get $at)))

    ;; Fill the window: the 64 bytes before $at.
    (local.set $end (local.get $at))
    (local.set $at (i32.sub (local.get $at) (i32.const 64)))
    (loop $fill
      (local.set $hash
        (i32.xor
          (i32.rotl (local.get $hash) (i32.const 1))
          (i32.load (i32.shl (i32.load8_u (local.get $at)) (i32.const 2)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $fill (i32.lt_u (local.get $at) (local.get $end))))

    (local.set $end (i32.add (local.get $chunk) (local.get $size)))

    ;; Eight bytes a turn; an address in the table is byte * 4, so the shift that isolates a byte leaves out two bits.
    (block $tail
      (loop $roll
        (br_if $tail (i32.gt_u (i32.add (local.get $at) (i32.const 8)) (local.get $end)))
        (local.set $out (i64.load align=1 (i32.sub (local.get $at) (i32.const 64))))
        (local.set $in (i64.load align=1 (local.get $at)))
        ;; byte 0
        (local.set $hash
          (i32.xor
            (i32.rotl (local.get $hash) (i32.const 1))
            (i32.xor
              (i32.load (i32.and (i32.wrap_i64 (i64.shl (local.get $out) (i64.const 2))) (i32.const 0x3fc)))
              (i32.load (i32.and (i32.wrap_i64 (i64.shl (local.get $in) (i64.const 2))) (i32.const 0x3fc))))))
        (if (i32.ge_u (i32.and (local.get $hash) (local.get $mask)) (local.get $limit))
          (then (return (i32.sub (i32.add (local.get $at) (i32.const 1)) (local.get $chunk)))))
        ;; byte 1
        (local.set $hash
          (i32.xor
            (i32.rotl (local.get $hash) (i32.const 1))
            (i32.xor
              (i32.load (i32.and (i32.wrap_i64 (i64.shr_u (local.get $out) (i64.const 6))) (i32.const 0x3fc)))
              (i32.load (i32.and (i32.wrap_i64 (i64.shr_u (local.get $in) (i64.const 6))) (i32.const 0x3fc))))))
        (if (i32.ge_u (i32.and (local.get $hash) (local.get $mask)) (local.get $limit))
          (then (return (i32.sub (i32.add (local.get $at) (i32.const 2)) (local.get $chunk)))))
        ;; byte 2
        (local.set $hash
          (i32.xor
            (i32.rotl (local.get $hash) (i32.const 1))
            (i32.xor
              (i32.load (i32.and (i32.wrap_i64 (i64.shr_u (local.get $out) (i64.const 14))) (i32.const 0x3fc)))
              (i32.load (i32.and (i32.wrap_i64 (i64.shr_u (local.get $in) (i64.const 14))) (i32.const 0x3fc))))))
        (if (i32.ge_u (i32.and (local.get $hash) (local.get $mask)) (local.get $limit))
          (then (return (i32.sub (i32.add (local.get $at) (i32.const 3)) (local.get $chunk)))))
        ;; byte 3
        (local.set $hash
          (i32.xor
            (i32.rotl (local.get $hash) (i32.const 1))
            (i32.xor
              (i32.load (i32.and (i32.wrap_i64 (i64.shr_u (local.get $out) (i64.const 22))) (i32.const 0x3fc)))
              (i32.load (i32.and (i32.wrap_i64 (i64.shr_u (local.get $in) (i64.const 22))) (i32.const 0x3fc))))))
        (if (i32.ge_u (i32.and (local.get $hash) (local.get $mask)) (local.get $limit))
          (then (return (i32.sub (i32.add (local.get $at) (i32.const 4)) (local.get $chunk)))))
        ;; byte 4
        (local.set $hash
          (i32.xor
            (i32.rotl (local.get $hash) (i32.const 1))
            (i32.xor
              (i32.load (i32.and (i32.wrap_i64 (i64.shr_u (local.get $out) (i64.const 30))) (i32.const 0x3fc)))
              (i32.load (i32.and (i32.wrap_i64 (i64.shr_u (local.get $in) (i64.const 30))) (i32.const 0x3fc))))))
        (if (i32.ge_u (i32.and (local.get $hash) (local.get $mask)) (local.get $limit))
          (then (return (i32.sub (i32.add (local.get $at) (i32.const 5)) (local.get $chunk)))))
        ;; byte 5
        (local.set $hash
          (i32.xor
            (i32.rotl (local.get $hash) (i32.const 1))
            (i32.xor
              (i32.load (i32.and (i32.wrap_i64 (i64.shr_u (local.get $out) (i64.const 38))) (i32.const 0x3fc)))
              (i32.load (i32.and (i32.wrap_i64 (i64.shr_u (local.get $in) (i64.const 38))) (i32.const 0x3fc))))))
        (if (i32.ge_u (i32.and (local.get $hash) (local.get $mask)) (local.get $limit))
          (then (return (i32.sub (i32.add (local.get $at) (i32.const 6)) (local.get $chunk)))))
        ;; byte 6
        (local.set $hash
          (i32.xor
            (i32.rotl (local.get $hash) (i32.const 1))
            (i32.xor
              (i32.load (i32.and (i32.wrap_i64 (i64.shr_u (local.get $out) (i64.const 46))) (i32.const 0x3fc)))
              (i32.load (i32.and (i32.wrap_i64 (i64.shr_u (local.get $in) (i64.const 46))) (i32.const 0x3fc))))))
        (if (i32.ge_u (i32.and (local.get $hash) (local.get $mask)) (local.get $limit))
          (then (return (i32.sub (i32.add (local.get $at) (i32.const 7)) (local.get $chunk)))))
        ;; byte 7
        (local.set $hash
          (i32.xor
            (i32.rotl (local.get $hash) (i32.const 1))
            (i32.xor
              (i32.load (i32.and (i32.wrap_i64 (i64.shr_u (local.get $out) (i64.const 54))) (i32.const 0x3fc)))
              (i32.load (i32.and (i32.wrap_i64 (i64.shr_u (local.get $in) (i64.const 54))) (i32.const 0x3fc))))))
        (if (i32.ge_u (i32.and (local.get $hash) (local.get $mask)) (local.get $limit))
          (then (return (i32.sub (i32.add (local.get $at) (i32.const 8)) (local.get $chunk)))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $roll)))

    (block $done
      (loop $single
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $hash
          (i32.xor
            (i32.rotl (local.get $hash) (i32.const 1))
            (i32.xor
              (i32.load (i32.shl (i32.load8_u (i32.sub (local.get $at) (i32.const 64))) (i32.const 2)))
              (i32.load (i32.shl (i32.load8_u (local.get $at)) (i32.const 2))))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (if (i32.ge_u (i32.and (local.get $hash) (local.get $mask)) (local.get $limit))
          (then (return (i32.sub (local.get $at) (local.get $chunk)))))
        (br $single)))

    (if (i32.eq (local.get $size) (local.get $max)) (then (return (local.get $max))))
    (i32.const 0)))

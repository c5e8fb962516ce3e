import { type IndexReport } from "../store/index-report.ts";

/** Lines that the task log gets for a closed index (spec backup-protocol.md §6). */
export function uploadStatisticsLines(report: IndexReport): readonly string[] {
  const { uploads, size, chunkCount } = report;
  const lines = [
    `Upload statistics for '${report.archive}'`,
    `UUID: ${report.uuid}`,
    `Checksum: ${report.csum}`,
    `Size: ${size}`,
    `Chunk count: ${chunkCount}`,
  ];
  if (size === 0 || chunkCount === 0) return lines;
  lines.push(`Upload size: ${uploads.size} (${percent(uploads.size, size)}%)`);
  const clientSide = Math.max(0, chunkCount - uploads.count);
  const serverSide = uploads.duplicates;
  if (clientSide + serverSide > 0) {
    const share = percent(clientSide + serverSide, chunkCount);
    lines.push(`Duplicates: ${clientSide}+${serverSide} (${share}%)`);
  }
  if (uploads.size > 0) {
    lines.push(`Compression: ${percent(uploads.compressedSize, uploads.size)}%`);
  }
  return lines;
}

function percent(part: number, whole: number): number {
  return Math.floor((part * 100) / whole);
}

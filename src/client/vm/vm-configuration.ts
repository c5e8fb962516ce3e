import { readFile } from "node:fs/promises";

import { archiveNameOf, type ArchiveName } from "../../format/snapshot/archive-name.ts";
import { readSmallFile } from "../backup/read-small-file.ts";
import { pveIdOf, type VmProcess } from "./vm-process.ts";

/** A small file that describes a guest. */
export interface VmConfigurationFile {
  readonly name: ArchiveName;
  readonly content: Uint8Array;
}

const PVE_CONFIGURATION = archiveNameOf("qemu-server.conf");
const PVE_FIREWALL = archiveNameOf("fw.conf");
const LIBVIRT_DOMAIN = archiveNameOf("libvirt-domain.conf");
const COMMAND_LINE = archiveNameOf("qemu-command-line.conf");

/**
 * What a guest is made of: the file that the user names, else what libvirt or PVE has of it, else QEMU's command line, an
 * argument a line.
 *
 * @param options.libvirtXml The XML of its domain, when it is libvirt's.
 * @param options.pveFolder Where PVE keeps its configuration, `/etc/pve`.
 * @throws {SourceError} `SOURCE_UNREADABLE` for the file that the user names.
 */
export async function readVmConfiguration(
  vm: VmProcess | undefined,
  options: {
    readonly file: string | undefined;
    readonly libvirtXml: string | undefined;
    readonly pveFolder: string;
    readonly signal: AbortSignal;
  },
): Promise<readonly VmConfigurationFile[]> {
  const { file, libvirtXml, pveFolder, signal } = options;
  if (file !== undefined) {
    return [{ name: PVE_CONFIGURATION, content: await readSmallFile(file, signal) }];
  }
  if (libvirtXml !== undefined) {
    return [{ name: LIBVIRT_DOMAIN, content: Buffer.from(libvirtXml) }];
  }
  if (!vm) return [];
  const id = pveIdOf(vm.commandLine);
  if (id !== undefined) {
    const configuration = await readIfThere(`${pveFolder}/qemu-server/${id}.conf`);
    const firewall = await readIfThere(`${pveFolder}/firewall/${id}.fw`);
    if (configuration) {
      return [
        { name: PVE_CONFIGURATION, content: configuration },
        ...(firewall ? [{ name: PVE_FIREWALL, content: firewall }] : []),
      ];
    }
  }
  return [{ name: COMMAND_LINE, content: Buffer.from(`${vm.commandLine.join("\n")}\n`) }];
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  return await readFile(path).catch(() => undefined);
}

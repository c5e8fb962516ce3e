import { type FastifyBaseLogger } from "fastify";

import { type ConfigFiles } from "./config-files.ts";
import { datastoreSections } from "./datastore-config.ts";
import { type Section } from "./section-config.ts";

const KEPT = /^keep-(last|hourly|daily|weekly|monthly|yearly)$/;

/**
 * Makes prune jobs of what old releases of the genuine server wrote into `datastore.cfg`: `prune-schedule` and `keep-*`
 * (spec calendar-events.md §5).
 *
 * The job is written first, so that a crash between the two leaves a job that the next start recognizes, never a datastore that
 * is not pruned any more. The file as it was stays beside it. A datastore that has counts and no schedule was never pruned by
 * itself; it stays as it is.
 */
export async function movePruneSettings(
  files: Pick<ConfigFiles, "datastores" | "pruneJobs">,
  logger: FastifyBaseLogger,
): Promise<void> {
  const { sections } = await files.datastores.read();
  const old = datastoreSections(sections).filter(({ properties }) =>
    properties.has("prune-schedule"),
  );
  if (old.length === 0) return;
  const copy = await files.datastores.keepCopy("before-prune-jobs");
  for (const datastore of old) {
    const job = await addJob(files, datastore);
    await files.datastores.update((content) =>
      content.sections.map((each) =>
        each.type === "datastore" && each.id === datastore.id ? withoutPruning(each) : each,
      ),
    );
    logger.info(
      { store: datastore.id, job, copy },
      "prune settings of a datastore are a prune job now",
    );
  }
}

/** Adds the job of a datastore, unless it is there; gives its name. */
async function addJob(
  { pruneJobs }: Pick<ConfigFiles, "pruneJobs">,
  datastore: Section,
): Promise<string> {
  let id = "";
  await pruneJobs.update(({ sections }) => {
    for (let number = 1; ; number++) {
      const job = pruneJob(datastore, number);
      id = job.id;
      const taken = sections.find((each) => each.type === "prune" && each.id === id);
      if (!taken) return [...sections, job];
      if (isSame(taken, job)) return sections;
    }
  });
  return id;
}

function pruneJob({ id, properties }: Section, number: number): Section {
  const suffix = number === 1 ? "" : `-${number}`;
  return {
    type: "prune",
    id: `${`default-${id}`.slice(0, 32 - suffix.length)}${suffix}`,
    properties: new Map([
      ["schedule", properties.get("prune-schedule") ?? ""],
      ["store", id],
      ...[...properties].filter(([name]) => KEPT.test(name)),
    ]),
  };
}

function withoutPruning(section: Section): Section {
  const stays = [...section.properties].filter(
    ([name]) => name !== "prune-schedule" && !KEPT.test(name),
  );
  return { ...section, properties: new Map(stays) };
}

function isSame(one: Section, other: Section): boolean {
  return (
    one.properties.size === other.properties.size &&
    [...one.properties].every(([name, value]) => other.properties.get(name) === value)
  );
}

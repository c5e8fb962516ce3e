import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { type FastifyBaseLogger } from "fastify";

import { CodecPool } from "../chunks/codec-pool.ts";
import { type Clock } from "../format/clock.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";
import { TimeZone } from "../format/schedule/time-zone.ts";
import { parseAuthId, type AuthId } from "../format/snapshot/auth-id.ts";
import { addAclRoutes } from "./api/acl-routes.ts";
import { addChunkRoutes } from "./api/chunk-routes.ts";
import { addDatastoreConfigRoutes } from "./api/datastore-config-routes.ts";
import { addDatastoreRoutes } from "./api/datastore-routes.ts";
import { addDocumentationRoutes } from "./api/documentation-routes.ts";
import { addDownloadRoutes } from "./api/download-routes.ts";
import { addCollectionRoutes } from "./api/gc-routes.ts";
import { addGroupRoutes } from "./api/group-routes.ts";
import { addMetricsRoutes } from "./api/metrics-routes.ts";
import { addNodeConfigRoutes } from "./api/node-config-routes.ts";
import { addNotificationRoutes } from "./api/notification-routes.ts";
import { addNodeRoutes } from "./api/node-routes.ts";
import { addOverdueRoutes } from "./api/overdue-routes.ts";
import { addPruneRoutes } from "./api/prune-routes.ts";
import { addJobConfigRoutes } from "./api/job-config-routes.ts";
import { addRemoteConfigRoutes } from "./api/remote-config-routes.ts";
import { addSnapshotRoutes } from "./api/snapshot-routes.ts";
import { addSyncRoutes } from "./api/sync-routes.ts";
import { addTaskRoutes } from "./api/task-routes.ts";
import { addTicketRoutes } from "./api/ticket-routes.ts";
import { addTfaRoutes } from "./api/tfa-routes.ts";
import { addTokenRoutes } from "./api/token-routes.ts";
import { addTrafficRoutes } from "./api/traffic-routes.ts";
import { addUsageRoutes } from "./api/usage-routes.ts";
import { addUserRoutes } from "./api/user-routes.ts";
import { addJobRoutes } from "./api/job-routes.ts";
import { addVerifyRoutes } from "./api/verify-routes.ts";
import { addVersionRoutes, type Product } from "./api/version-routes.ts";
import { buildApp, type RoutePlugin } from "./app.ts";
import { AuditLog } from "./audit-log.ts";
import { AccessControl } from "./auth/access-control.ts";
import { Accounts } from "./auth/accounts.ts";
import { loadAuthKeys } from "./auth/auth-key-files.ts";
import { Authenticator } from "./auth/authenticator.ts";
import { hashPassword } from "./auth/password-hash.ts";
import { SecondFactors } from "./auth/second-factors.ts";
import { systemPasswords } from "./auth/system-passwords.ts";
import { type ServerConfig, setProcessTimeZone } from "./config.ts";
import { ConfigDirectory } from "./configuration/config-directory.ts";
import { configFiles, type ConfigFiles } from "./configuration/config-files.ts";
import { mergeDatastoreConfig } from "./configuration/datastore-config.ts";
import { movePruneSettings } from "./configuration/move-prune-settings.ts";
import { NodeConfig } from "./configuration/node-config.ts";
import { DatastoreChanges } from "./datastore-changes.ts";
import { type Datastores } from "./datastores.ts";
import { type RouteDescription } from "./http/route.ts";
import { listenSecurely } from "./http/secure-listener.ts";
import { announceEnd } from "./jobs/announce-end.ts";
import { type Ticker } from "./jobs/every-minute.ts";
import { JobRunner } from "./jobs/job-runner.ts";
import { verifyNewBackup } from "./jobs/verify-new-backup.ts";
import { type OpenVerifier } from "./jobs/verify-namespaces.ts";
import { RequestFigures } from "./metrics/request-figures.ts";
import { MetricHistory } from "./node/metric-history.ts";
import { MetricRecorder } from "./node/metric-recorder.ts";
import { ServerZone } from "./node/server-zone.ts";
import {
  DELIVERY_RETRY_DELAYS_MS,
  DELIVERY_TIMEOUT_MS,
  Notifier,
  type NotifierOptions,
} from "./notifications/notifier.ts";
import { openDatastores } from "./open-datastores.ts";
import { openJobs, type OpenJobs } from "./open-jobs.ts";
import { addBackupRoute } from "./session/backup-session.ts";
import { RunningSessions } from "./session/running-sessions.ts";
import { UntakenBytes } from "./session/untaken-bytes.ts";
import { UploadMemory } from "./session/upload-memory.ts";
import { pooledChunkVerifier } from "./session/pooled-chunk-verifier.ts";
import { addReaderRoute } from "./session/reader-session.ts";
import { type FinishedBackup } from "./session/session-options.ts";
import { type RemoteAccess } from "./sync/sync-source.ts";
import { TaskRegistry } from "./tasks/task-registry.ts";
import { readPageFiles } from "./web/page-files.ts";
import { addPageRoutes } from "./web/page-routes.ts";
import { TrafficControl } from "./traffic/traffic-control.ts";
import { InstalledCertificate } from "./tls/installed-certificate.ts";

/** Everything a server needs besides its configuration. */
export interface ServerEnvironment {
  readonly clock: Clock;
  readonly logger: FastifyBaseLogger;
  readonly product: Product;
  /** Password for the administrator when it is made; a random one otherwise. */
  readonly adminPassword?: string;
  /** Whether replies are held against their schemas, which costs time; tests have it `checked`. */
  readonly replies?: "checked" | "trusted";
  /** How other servers are reached, to pull from them; without it that is refused. */
  readonly remotes?: RemoteAccess;
  /** What wakes the scheduler. */
  readonly everyMinute: Ticker;
  /** How notifications go out, where that is not the usual way; for tests. */
  readonly delivery?: Partial<DeliveryLimits>;
}

type DeliveryLimits = Pick<
  NotifierOptions,
  "sendmailProgram" | "timeoutMs" | "retryDelaysMs" | "trusted"
>;

const deliveryLimits: DeliveryLimits = {
  sendmailProgram: "/usr/sbin/sendmail",
  timeoutMs: DELIVERY_TIMEOUT_MS,
  retryDelaysMs: DELIVERY_RETRY_DELAYS_MS,
};

/** A server that answers requests. */
export interface RunningServer {
  /** `https://localhost:PORT`. */
  readonly url: string;
  readonly port: number;
  /** SHA-256 of the certificate as 32 lower-case pairs joined by colons. */
  readonly fingerprint: string;
  /** The administrator that was made by this start, with its password when that is a random one. */
  readonly createdAdmin: { readonly user: AuthId; readonly password?: string } | undefined;
  /** Every route of the API. */
  readonly routes: readonly RouteDescription[];
  /** Reads users, tokens, roles and settings of datastores again, for an administrator who edited the files. */
  reload(): Promise<void>;
  /**
   * Takes nothing new, stops tasks, lets sessions end for `sessionGraceMs`, cuts the others (unfinished backups are
   * removed) and closes everything. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * Starts a server: reads or makes its configuration, opens its datastores, listens.
 *
 * @throws {ConfigError} {@link ConfigError} when the configuration cannot be used.
 */
export async function startServer(
  config: ServerConfig,
  environment: ServerEnvironment,
): Promise<RunningServer> {
  const { clock, logger } = environment;
  const directory = await ConfigDirectory.open(config.configDirectory);
  const accounts = await Accounts.load(directory, clock);
  const access = await AccessControl.load(directory, accounts);
  const createdAdmin = await ensureAdmin(config, environment, { accounts, access });
  const state = await ConfigDirectory.open(config.stateDirectory);
  const factors = await SecondFactors.load({ configuration: directory, state }, clock);
  const keys = await loadAuthKeys(directory);
  const pam = systemPasswords(config.pamDirectory);
  const authenticator = new Authenticator({ accounts, keys, clock, factors, pam });
  const certificate = await InstalledCertificate.load(directory, config.hostName, clock);
  const files = configFiles(directory);
  await movePruneSettings(files, logger);
  const datastoreConfig = await mergeDatastoreConfig(files.datastores, config.datastores);
  const tasks = await TaskRegistry.open(config.taskDirectory, {
    nodeName: nodeName(config.hostName),
    pid: process.pid,
    processStart: await processStartTicks(),
    clock,
  });
  const open = new OpenParts();
  const audit = new AuditLog(config.auditFile, { clock, logger });
  open.add(async () => {
    await audit[Symbol.asyncDispose]();
  });
  try {
    // One core is left to the thread that receives: it answers everybody, and one more verifier would not be faster.
    const pool = CodecPool.create({ workerCount: Math.max(1, availableParallelism() - 1) });
    open.add(async () => {
      await pool[Symbol.asyncDispose]();
    });
    const { chunkFolders } = config;
    const opening = { clock, logger, pool, chunkFolders };
    const wanted = new Set(config.datastores.map(({ name }) => name));
    const datastores = await openDatastores(datastoreConfig, wanted, opening);
    open.add(async () => {
      await datastores.close();
    });
    const nodeConfig = new NodeConfig(directory);
    const zone = (): TimeZone => new TimeZone();
    const { hostName } = config;
    const notifier = new Notifier({
      file: files.notifications,
      addressOf: (user) => accounts.get(parseAuthId(user))?.email,
      sender: async () => (await nodeConfig.read()).values.get("email-from"),
      hostName,
      zone,
      logger,
      ...deliveryLimits,
      ...environment.delivery,
    });
    open.add(async () => {
      await notifier[Symbol.asyncDispose]();
    });
    const announce = announceEnd({ notifier, datastores, tasks, clock, hostName });
    const jobs = new JobRunner(tasks, logger, announce);
    open.add(async () => {
      await jobs.close();
    });
    const history = await MetricHistory.open(join(config.stateDirectory, "rrd"));
    const recorder = MetricRecorder.start({
      history,
      clock,
      logger,
      datastores: () =>
        datastores.list().map(({ entry: { name, path }, datastore }) => ({
          name,
          path,
          space: async () => await datastore.space(),
        })),
    });
    open.add(async () => {
      await recorder.close();
    });
    const changes = new DatastoreChanges(files.datastores, datastores, { ...opening, tasks });
    const traffic = new TrafficControl(files.trafficRules, {
      clock,
      zone: () => new TimeZone(),
      nowMs: () => performance.now(),
      onBroken: (error) => {
        logger.warn({ err: error }, "traffic control rule cannot be read");
      },
    });
    const sessions = {
      datastores,
      access,
      tasks,
      traffic,
      uploadMemory: new UploadMemory(config.uploadMemoryBytes),
      untaken: new UntakenBytes(config.untakenBytesMax),
      unauthenticatedMs: config.unauthenticatedDelayMs,
      logger,
      running: new RunningSessions(),
      afterBackup: async (backup: FinishedBackup): Promise<void> => {
        await verifyNewBackup({ datastores, jobs, logger, clock, openVerifier }, backup);
      },
    };
    const { remotes, everyMinute } = environment;
    const stores = { datastores, files, changes, jobs, remotes };
    const serverZone = await ServerZone.load(directory, setProcessTimeZone);
    const node = { clock, history, recorder, certificate, traffic, serverZone, nodeConfig };
    const { stateDirectory } = config;
    const openedJobs = await openJobs({
      ...stores,
      ...{
        access,
        tasks,
        clock,
        logger,
        zone,
        openVerifier,
        stateDirectory,
        everyMinute,
        nodeConfig,
        notifier,
        hostName,
      },
    });
    open.add(async () => {
      await openedJobs[Symbol.asyncDispose]();
    });
    const requests = new RequestFigures();
    const basics = {
      authenticator,
      accounts,
      access,
      factors,
      tasks,
      pool,
      zone,
      notifier,
      hostName,
      requests,
    };
    const services = { ...basics, ...stores, ...node, ...openedJobs };
    const pageFiles = await readPageFiles(config.webDirectory);
    const app = await buildApp(
      {
        authenticator,
        isPermitted: (caller, path, anyOf) => access.hasAny(caller, path, anyOf),
        replies: environment.replies ?? "trusted",
        audit: (entry) => {
          audit.add(entry);
        },
        delays: {
          unauthenticatedMs: config.unauthenticatedDelayMs,
          forbiddenMs: config.forbiddenDelayMs,
        },
        logger,
        onAnswered: (request) => {
          requests.add(request);
        },
        addPage: (root) => {
          addPageRoutes(root, pageFiles);
        },
      },
      plugins({ ...services, product: environment.product }, (api) => {
        addBackupRoute(api, sessions);
        addReaderRoute(api, sessions);
      }),
    );
    open.add(async () => {
      await app.close();
    });
    const listener = await listenSecurely(app.server, certificate.current, config.listen);
    certificate.onChange((next) => {
      listener.useCertificate(next);
      logger.info({ fingerprint: certificate.fingerprint }, "certificate exchanged");
    });
    open.add(async () => {
      // Nothing new begins. Tasks are told to stop while sessions get their time.
      listener.stopAccepting();
      // Before the jobs: none of them waits for a delivery then.
      await notifier[Symbol.asyncDispose]();
      await Promise.all([
        sessions.running.drain(config.sessionGraceMs, logger),
        openedJobs[Symbol.asyncDispose](),
      ]);
      await Promise.all([sessions.running.cut(logger), listener.close()]);
    });
    const { fingerprint } = certificate;
    logger.info({ port: listener.port, fingerprint }, "server listens");
    return {
      url: `https://localhost:${listener.port}`,
      port: listener.port,
      fingerprint,
      createdAdmin,
      routes: app.routeEnvironment.table,
      reload: async () => {
        await accounts.reload();
        await access.reload();
        await factors.reload();
        await certificate.reload();
        for (const { entry } of datastores.all()) await changes.follow(entry.name);
        logger.info("configuration read again");
      },
      close: async () => {
        await open.close();
      },
    };
  } catch (error) {
    await open.close();
    throw error;
  }
}

/** What a server has open, closed in reverse order, once. */
class OpenParts {
  readonly #closers: (() => Promise<void>)[] = [];
  #closing: Promise<void> | undefined;

  add(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  async close(): Promise<void> {
    this.#closing ??= (async () => {
      for (const close of this.#closers.reverse()) await close();
    })();
    await this.#closing;
  }
}

interface Services extends Omit<OpenJobs, typeof Symbol.asyncDispose> {
  readonly zone: () => TimeZone;
  readonly authenticator: Authenticator;
  readonly accounts: Accounts;
  readonly access: AccessControl;
  readonly factors: SecondFactors;
  readonly notifier: Notifier;
  readonly hostName: string;
  readonly requests: RequestFigures;
  readonly tasks: TaskRegistry;
  readonly datastores: Datastores;
  readonly pool: CodecPool;
  readonly files: ConfigFiles;
  readonly changes: DatastoreChanges;
  readonly jobs: JobRunner;
  readonly clock: Clock;
  readonly history: MetricHistory;
  readonly recorder: MetricRecorder;
  readonly certificate: InstalledCertificate;
  readonly traffic: TrafficControl;
  readonly serverZone: ServerZone;
  readonly nodeConfig: NodeConfig;
  readonly remotes: RemoteAccess | undefined;
  readonly product: Product;
}

function plugins(services: Services, sessions: RoutePlugin): readonly RoutePlugin[] {
  return [
    (api) => {
      addVersionRoutes(api, services.product);
      addDocumentationRoutes(api, services.product);
    },
    (api) => {
      addTicketRoutes(api, services.authenticator);
    },
    (api) => {
      addUserRoutes(api, services);
      addTokenRoutes(api, services);
      addTfaRoutes(api, services);
      addAclRoutes(api, services);
    },
    (api) => {
      addTaskRoutes(api, services);
      addNodeRoutes(api, services);
      addNodeConfigRoutes(api, services);
    },
    (api) => {
      addDatastoreRoutes(api, services);
      addGroupRoutes(api, services);
      addSnapshotRoutes(api, services);
      addDownloadRoutes(api, services);
      addChunkRoutes(api, services);
      addUsageRoutes(api, services);
      addPruneRoutes(api, services);
      addCollectionRoutes(api, services);
      addVerifyRoutes(api, { ...services, openVerifier });
    },
    (api) => {
      addDatastoreConfigRoutes(api, services);
      addJobConfigRoutes(api, services);
      addJobRoutes(api, services);
      addRemoteConfigRoutes(api, services);
      addTrafficRoutes(api, services);
      addNotificationRoutes(api, services);
      addOverdueRoutes(api, services);
      addSyncRoutes(api, services);
      addMetricsRoutes(api, services);
    },
    sessions,
  ];
}

async function ensureAdmin(
  config: ServerConfig,
  environment: ServerEnvironment,
  { accounts, access }: { readonly accounts: Accounts; readonly access: AccessControl },
): Promise<RunningServer["createdAdmin"]> {
  const user = parseAuthId(config.adminUser);
  if (accounts.passwordHash(user) !== undefined) return undefined;
  const given = environment.adminPassword;
  const password = given ?? randomBytes(15).toString("base64url");
  if (!accounts.get(user)) {
    await accounts.put({ id: user, isEnabled: true, expireSec: 0, comment: "Administrator" });
  }
  await accounts.setPasswordHash(user, await hashPassword(password));
  await access.update((tree) => {
    tree.set({ path: "/", authId: user, role: "Admin", propagate: true });
  });
  return given === undefined ? { user, password } : { user };
}

/** Threads for one verification, on all cores: they are not there for long, and uploads keep theirs. */
function openVerifier(): OpenVerifier {
  const pool = CodecPool.create({ workerCount: availableParallelism() });
  return {
    verifier: pooledChunkVerifier(pool, createNativeProvider()),
    [Symbol.asyncDispose]: async () => {
      await pool[Symbol.asyncDispose]();
    },
  };
}

/** First label of the host name as far as a task name may hold it. */
function nodeName(hostName: string): string {
  const label = (hostName.split(".")[0] ?? "").replaceAll(/[^a-zA-Z0-9-]/g, "");
  return /^[a-zA-Z0-9]/.test(label) ? label : "localhost";
}

/** Field 22 of /proc/self/stat; the name in field 2 may hold spaces, so fields are counted behind it. */
async function processStartTicks(): Promise<number> {
  const stat = await readFile("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[19] ?? "0");
}

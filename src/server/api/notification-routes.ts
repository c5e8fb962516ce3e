import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { type Clock } from "../../format/clock.ts";
import { type ConfigFiles } from "../configuration/config-files.ts";
import { ORIGIN_PROPERTY, origins } from "../configuration/notification-file.ts";
import { isTrueText } from "../configuration/section-entry.ts";
import { type Datastores } from "../datastores.ts";
import { ApiError, refused } from "../http/api-error.ts";
import { configId } from "../http/parameter-schema.ts";
import { addRoute } from "../http/route.ts";
import { type ConfiguredJobs } from "../jobs/configured-jobs.ts";
import { DeliveryError } from "../notifications/delivery-error.ts";
import { notificationFields, notificationTypes } from "../notifications/notification.ts";
import { targetTypes } from "../notifications/notification-target.ts";
import { type Notifier } from "../notifications/notifier.ts";
import { addConfigEntryRoutes } from "./config-entry-routes.ts";
import { matcherKind, notificationPermits, targetKind } from "./notification-kinds.ts";

/** What the routes of notifications work on. */
export interface NotificationRouteOptions {
  readonly files: ConfigFiles;
  readonly notifier: Notifier;
  readonly datastores: Datastores;
  readonly configuredJobs: ConfiguredJobs;
  readonly clock: Clock;
  readonly hostName: string;
}

const target = Type.Object({
  name: Type.String(),
  type: Type.Enum([...targetTypes]),
  origin: Type.Enum([...origins]),
  comment: Type.Optional(Type.String()),
  disable: Type.Optional(Type.Boolean()),
});

/** `/config/notifications`: targets, matchers and what matchers can look at (spec rest-api.md §7). */
export function addNotificationRoutes(
  api: FastifyInstance,
  options: NotificationRouteOptions,
): void {
  const { files } = options;
  for (const type of targetTypes) addConfigEntryRoutes(api, targetKind(type, files));
  addConfigEntryRoutes(api, matcherKind(files));
  addTargetRoutes(api, options);
  addFieldRoutes(api, options);
}

function addTargetRoutes(api: FastifyInstance, options: NotificationRouteOptions): void {
  const { files, notifier, clock, hostName } = options;
  addRoute(api, {
    method: "GET",
    path: "/config/notifications/targets",
    description: "Every target for notifications, of all types.",
    permit: notificationPermits.read,
    parameters: Type.Object({}),
    reply: Type.Array(target),
    handle: async () => {
      const { sections } = await files.notifications.read();
      return sections.flatMap(({ type: text, id, properties }) => {
        const type = targetTypes.find((each) => each === text);
        if (!type) return [];
        const origin = origins.find((each) => each === properties.get(ORIGIN_PROPERTY));
        const comment = properties.get("comment");
        const disable = properties.get("disable");
        return [
          {
            name: id,
            type,
            origin: origin ?? "user-created",
            ...(comment === undefined ? {} : { comment }),
            ...(disable === undefined ? {} : { disable: isTrueText(disable) }),
          },
        ];
      });
    },
  });
  addRoute(api, {
    method: "POST",
    path: "/config/notifications/targets/:name/test",
    description: "Sends a notification to one target, and says whether it went out.",
    permit: notificationPermits.change,
    parameters: Type.Object({ name: configId("target") }),
    reply: Type.Null(),
    handle: async ({ name }) => {
      try {
        const isThere = await notifier.test(name, {
          title: `Test notification of ${hostName}`,
          text: `The Amber server ${hostName} can send notifications to the target '${name}'.\n`,
          severity: "info",
          fields: { type: "test", hostname: hostName },
          timeSec: clock.nowSec(),
        });
        if (!isThere) throw new ApiError("API_NOT_FOUND", `no such target '${name}'`);
        return null;
      } catch (error) {
        if (error instanceof DeliveryError) throw refused(error.message, { cause: error });
        throw error;
      }
    },
  });
}

function addFieldRoutes(api: FastifyInstance, options: NotificationRouteOptions): void {
  addRoute(api, {
    method: "GET",
    path: "/config/notifications/matcher-fields",
    description: "Names of fields that matchers can look at.",
    permit: notificationPermits.read,
    parameters: Type.Object({}),
    reply: Type.Array(Type.Object({ name: Type.String() })),
    handle: () => notificationFields.map((name) => ({ name })),
  });
  addRoute(api, {
    method: "GET",
    path: "/config/notifications/matcher-field-values",
    description: "Values that fields have on this server.",
    permit: notificationPermits.read,
    parameters: Type.Object({}),
    reply: Type.Array(
      Type.Object({
        field: Type.String(),
        value: Type.String(),
        comment: Type.Optional(Type.String()),
      }),
    ),
    handle: async () => [
      ...notificationTypes.map((value) => ({ field: "type", value })),
      ...options.datastores.all().map(({ entry: { name, comment } }) => ({
        field: "datastore",
        value: name,
        ...(comment === undefined ? {} : { comment }),
      })),
      { field: "hostname", value: options.hostName },
      ...(await options.configuredJobs.list())
        .filter(({ type }) => type !== "garbage_collection")
        .map(({ id, title }) => ({ field: "job-id", value: id, comment: title })),
    ],
  });
}

import { pamAuthenticate } from "../../linux/pam-authenticate.ts";
import { type PasswordCheck } from "./authenticator.ts";
import { userNameOf } from "./auth-id.ts";

/** Name under which PAM is asked; without a file of that name its `other` decides (spec auth.md §2.1). */
const PAM_SERVICE = "proxmox-backup-auth";

/**
 * Checks passwords of realm pam by the system's PAM (docs/decisions/0013-realm-pam.md).
 *
 * @param directory Folder of the service's file in place of `/etc/pam.d`.
 */
export function systemPasswords(directory?: string): PasswordCheck {
  return async (user, password) => {
    const answer = await pamAuthenticate({
      service: PAM_SERVICE,
      user: userNameOf(user),
      password,
      configDirectory: directory,
    });
    return answer === "right";
  };
}

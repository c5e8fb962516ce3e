import { expect } from "chai";

import { formatSections, parseSections } from "../../../src/server/configuration/section-config.ts";
import { thrown } from "../../support/thrown.ts";

// As the genuine server wrote it.
const users = "user: root@pam\n\tcomment Superuser\n\nuser: test@pbs\n\ntoken: test@pbs!tok1\n";

describe("server/configuration/section-config", () => {
  it("reads sections and their properties", () => {
    const sections = parseSections(users, "user.cfg");

    expect(sections.map(({ type, id }) => [type, id])).to.deep.equal([
      ["user", "root@pam"],
      ["user", "test@pbs"],
      ["token", "test@pbs!tok1"],
    ]);
    expect(sections[0]?.properties.get("comment")).to.equal("Superuser");
  });

  it("writes what the genuine server writes", () => {
    expect(formatSections(parseSections(users, "user.cfg"))).to.equal(users);
  });

  it("names the line that it cannot read", () => {
    expect(thrown(() => parseSections("user: a@pbs\nnonsense\n", "user.cfg"))).to.include({
      code: "CONFIG_INVALID",
      message: 'Cannot use configuration "user.cfg": line 2 is no section',
    });
  });
});

import { expect } from "chai";

import { parseListenAddress, readServerConfig } from "../../src/server/config.ts";
import { thrown } from "../support/thrown.ts";

const args = { datastore: [], listen: ":::8007", admin: "admin@pbs", sessionGrace: "30" };

describe("server/config", () => {
  it("takes addresses in every usual form", () => {
    expect(parseListenAddress(":::8007")).to.deep.equal({ host: "::", port: 8007 });
    expect(parseListenAddress("[::1]:0")).to.deep.equal({ host: "::1", port: 0 });
    expect(parseListenAddress("127.0.0.1:443")).to.deep.equal({ host: "127.0.0.1", port: 443 });
    expect(parseListenAddress("9000")).to.deep.equal({ host: "::", port: 9000 });
  });

  it("refuses what is no address", () => {
    for (const text of ["", "host", "host:", "1.2.3.4:99999"]) {
      expect(thrown(() => parseListenAddress(text))).to.have.property("code", "CONFIG_INVALID");
    }
  });

  it("keeps tasks and state beside a configuration that was named", () => {
    const config = readServerConfig({ ...args, config: "/some/where" });

    expect(config.configDirectory).to.equal("/some/where");
    expect(config.taskDirectory).to.equal("/some/where/tasks");
    expect(config.stateDirectory).to.equal("/some/where/state");
  });

  it("takes the time that sessions get in seconds, and nothing else", () => {
    expect(readServerConfig({ ...args, sessionGrace: "90" }).sessionGraceMs).to.equal(90_000);
    for (const sessionGrace of ["", "-1", "1.5", "1m", "100000"]) {
      const error = thrown(() => readServerConfig({ ...args, sessionGrace }));
      expect(error).to.have.property("code", "CONFIG_INVALID");
    }
  });

  it("splits datastores into name and path", () => {
    const { datastores } = readServerConfig({ ...args, datastore: ["tank=/srv/a=b"] });

    expect(datastores).to.deep.equal([{ name: "tank", path: "/srv/a=b" }]);
    for (const text of ["tank", "=x", "ab=/x", "a/b=/x", "tank="]) {
      expect(thrown(() => readServerConfig({ ...args, datastore: [text] }))).to.have.property(
        "code",
        "CONFIG_INVALID",
      );
    }
  });
});

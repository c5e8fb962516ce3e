/** File in the server's state folder that says where it listens: `{"host": …, "port": …}`. */
export const LISTENING_FILE = "listening.json";

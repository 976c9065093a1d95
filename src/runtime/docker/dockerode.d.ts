/** What client.ts calls of dockerode. Its published types bring SSH's and another major of Node's along. */
declare module 'dockerode' {
  type Options = Readonly<Record<string, unknown>>;

  interface Modem {
    dial(request: import('./engine/dial.ts').Request, callback: (error: unknown, answer: unknown) => void): void;
  }

  interface Thing {
    inspect(): Promise<unknown>;
    remove(options?: Options): Promise<unknown>;
  }

  interface Container extends Thing {
    start(): Promise<unknown>;
    stop(options: Options): Promise<unknown>;
    kill(options: Options): Promise<unknown>;
    unpause(): Promise<unknown>;
    rename(options: Options): Promise<unknown>;
    logs(options: Options): Promise<unknown>;
    stats(options: Options): Promise<unknown>;
    exec(options: Options): Promise<{ readonly id: string }>;
    putArchive(tar: Uint8Array, options: Options): Promise<unknown>;
  }

  interface Network extends Thing {
    connect(options: Options): Promise<unknown>;
  }

  interface Exec {
    start(options: Options): Promise<unknown>;
    inspect(): Promise<unknown>;
  }

  class Docker {
    constructor(options: { readonly modem: Modem });
    version(): Promise<unknown>;
    info(): Promise<unknown>;
    df(): Promise<unknown>;
    listContainers(options: Options): Promise<unknown>;
    listNetworks(options: Options): Promise<unknown>;
    listVolumes(options: Options): Promise<unknown>;
    createVolume(options: Options): Promise<unknown>;
    getEvents(options: Options): Promise<unknown>;
    getContainer(id: string): Container;
    getNetwork(name: string): Network;
    getVolume(name: string): Thing;
    getImage(ref: string): Thing;
    getExec(id: string): Exec;
  }

  export default Docker;
}

/** Credentials of clusters: Secrets Manager on AWS, files readable by the owner alone on one machine. */
export interface Secrets {
  /** The secret's text; undefined when there is none. */
  get(name: string): Promise<string | undefined>;
  put(name: string, value: string): Promise<void>;
  /** Writes a secret that is not there yet; false, and nothing changed, when it is. Racing creates have one winner. */
  create(name: string, value: string): Promise<boolean>;
  delete(name: string): Promise<void>;
}

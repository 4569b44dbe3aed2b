/** Credentials of clusters: Secrets Manager on AWS, files readable by the owner alone on one machine. */
export interface Secrets {
  /** The secret's text; undefined when there is none. */
  get(name: string): Promise<string | undefined>;
  put(name: string, value: string): Promise<void>;
  delete(name: string): Promise<void>;
}

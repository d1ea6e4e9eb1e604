/** What is sent to Worker Manager and what it answers: one JSON value each. */

export const TASK_QUEUE = 'worker-manager';

/** Every value of a config may instead be a JSON-e expression; this one takes a whole shared config. */
export interface Reference {
  $eval: `context.${string}`;
}

export interface Region {
  region: string;
  launchSpec?: Record<string, unknown> & { ImageId?: string };
}

/** Start input of workflow type `SharedConfig`, id `shared-config:NAME`. */
export interface SharedConfig<Value> {
  name: string;
  schema: `/schemas/${string}.json#`;
  value: Value;
}

/** Start input of workflow type `WorkerType`, id `worker-type:NAME`; of the rest, its schema tells. */
export interface WorkerType {
  workerType: string;
  provider: string;
  minCapacity: number;
  maxCapacity: number;
  description: string;
  owner: string;
  scopes: string[];
  regions: Region[] | Reference;
  instanceTypes: { instanceType: string; capacity: number; utility: number }[] | Reference;
}

/** Update `set_demand` of a worker type, in slots. */
export interface Demand {
  pending: number;
  claimed: number;
}

/** Update `apply_config` of a shared config. */
export interface Edit<Value> {
  value: Value;
  reason?: string;
  author?: string;
  expectedRevision?: number;
}

export interface Edited {
  revision: number;
  dependents: number;
  unchanged?: boolean;
}

/** Query `status` of a worker type, in part. */
export interface Status {
  state: string;
  actual: number;
  desired: number;
  sharedConfigs: Record<string, number>;
}

/** One reason of a refusal: where in the config (JSON pointer), which rule, what to do. */
export interface Problem {
  pointer: string;
  rule: string;
  message: string;
}

/** The details of every failure of type `ConfigInvalid`; `breaks` names whom an edit of a shared config would break. */
export interface Refusal {
  problems: Problem[];
  breaks?: string[];
}

/** Starts a shared config and a worker type that uses it, edits it, and reads the refusals of two bad edits. */

import {
  ApplicationFailure,
  Client,
  Connection,
  type WorkflowHandle,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import {
  type Demand,
  type Edit,
  type Edited,
  type Refusal,
  type Region,
  type SharedConfig,
  type Status,
  TASK_QUEUE,
  type WorkerType,
} from './messages.js';

/** Start a workflow. The server takes any input; `started` answers once our worker has accepted it. */
async function start<Input>(client: Client, type: string, workflowId: string, input: Input): Promise<WorkflowHandle> {
  const handle = await client.workflow.start(type, { taskQueue: TASK_QUEUE, workflowId, args: [input] });
  try {
    await handle.executeUpdate('started');
  } catch (error) {
    const hasEnded = error instanceof WorkflowUpdateFailedError || error instanceof WorkflowNotFoundError;
    await (hasEnded ? handle.result() : Promise.reject(error)); // the result of a refused start throws why
  }
  return handle;
}

/** The reasons in a failed start or update; undefined if it failed for anything else than a config. */
function refusalOf(error: unknown): Refusal | undefined {
  const failed = error instanceof WorkflowUpdateFailedError || error instanceof WorkflowFailedError;
  const cause = failed ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === 'ConfigInvalid'
    ? (cause.details?.[0] as Refusal)
    : undefined;
}

function printRefusal(what: string, refusal: Refusal): void {
  console.log(`${what} is refused:`);
  for (const each of refusal.problems) console.log(`  ${each.pointer} [${each.rule}] ${each.message}`);
  if (refusal.breaks) console.log(`  breaks: ${refusal.breaks.join(', ')}`);
}

const edit = (config: WorkflowHandle, change: Edit<Region[]>): Promise<Edited> =>
  config.executeUpdate<Edited, [Edit<Region[]>]>('apply_config', { args: [change] });

async function badEdit(config: WorkflowHandle, change: Edit<Region[]>): Promise<void> {
  try {
    await edit(config, change);
  } catch (error) {
    const refusal = refusalOf(error);
    if (!refusal) throw error;
    return printRefusal(`edit "${change.reason}"`, refusal);
  }
  throw new Error(`edit "${change.reason}" was accepted, but should have been refused`);
}

async function main(client: Client, name: string): Promise<void> {
  const image = (ImageId: string): Region[] => [{ region: 'us-west-1', launchSpec: { ImageId } }];
  const shared = `${name}-regions`;

  const config = await start<SharedConfig<Region[]>>(client, 'SharedConfig', `shared-config:${shared}`, {
    name: shared,
    schema: '/schemas/common/aws-regions.json#',
    value: image('ami-06adcae0cf519fda6'),
  });
  const worker = await start<WorkerType>(client, 'WorkerType', `worker-type:${name}`, {
    workerType: name,
    provider: 'aws-provider',
    minCapacity: 0,
    maxCapacity: 20,
    description: 'Started from TypeScript',
    owner: 'fleet-owner@example.org',
    scopes: [],
    regions: { $eval: `context.${shared}` },
    instanceTypes: [{ instanceType: 'm5.large', capacity: 1, utility: 1 }],
  });
  console.log(`started ${config.workflowId} and ${worker.workflowId}`);

  const demand = await worker.executeUpdate<Demand, [Demand]>('set_demand', { args: [{ pending: 2, claimed: 0 }] });
  console.log(`demand: ${demand.pending} pending, ${demand.claimed} claimed`);

  const edited = await edit(config, { value: image('ami-0123456789abcdef0'), reason: 'new image' });
  console.log(`edit "new image" is accepted: revision ${edited.revision}, dependents ${edited.dependents}`);
  await badEdit(config, { value: image('ubuntu'), reason: 'a name is no image id' });
  await badEdit(config, { value: [{ region: 'us-west-1' }], reason: 'no image' });

  const status = await worker.query<Status>('status');
  console.log(`status: ${status.state}, ${status.actual} of ${status.desired} slots`);
}

const { connectionOptions, namespace } = loadClientConnectConfig();
const connection = await Connection.connect(connectionOptions);
try {
  await main(new Client({ connection, ...(namespace && { namespace }) }), process.argv[2] ?? 'typescript-example');
} catch (error) {
  const refusal = refusalOf(error);
  if (!refusal) throw error;
  printRefusal('the start', refusal);
  process.exitCode = 1;
} finally {
  await connection.close();
}

// Written by internal/tools/tsgen from the types of internal/admin/api; `make web` writes it anew.

export interface About {
  capabilities?: unknown;
  instructions?: string;
  interactive: boolean;
  protocol_version: string;
  server_info?: unknown;
  versions?: string[];
}

export interface AccessKey {
  client_id: string;
  created_at: string;
  expires_at?: string;
  hint: string;
  id: string;
  label?: string;
  last_used?: string;
}

export interface Activity {
  actor?: string;
  at: string;
  client: string;
  client_id: string;
  code?: number;
  decision: "allowed" | "denied";
  detail?: string;
  duration: string;
  id: number;
  method: string;
  name?: string;
  outcome: string;
  server?: string;
  space: string;
  space_id: string;
}

export interface ActivityBucket {
  at: string;
  calls: number;
  denied: number;
  errors: number;
  last?: string;
  median: string;
  p95: string;
}

export interface ActivityCount {
  calls: number;
  denied: number;
  errors: number;
  last?: string;
  median: string;
  p95: string;
}

export interface ActivityOf {
  calls: number;
  client_id?: string;
  denied: number;
  errors: number;
  last?: string;
  median: string;
  method?: string;
  name: string;
  p95: string;
  series: number[];
  server?: string;
  space?: string;
  space_id?: string;
}

export interface ActivitySummary {
  begin: string;
  buckets: ActivityBucket[];
  clients: ActivityOf[];
  servers: ActivityOf[];
  step: string;
  tools: ActivityOf[];
  total: ActivityCount;
  window: string;
}

export interface Application {
  checked: string;
  command?: string;
  config?: string;
  config_with_key?: string;
  file?: string;
  format?: string;
  id: string;
  link?: string;
  name: string;
  next?: string;
  note?: string;
  reason?: string;
  servers: number;
  state: "absent" | "installed" | "configured" | "unreadable";
  unsure?: boolean;
}

export interface Attention {
  client?: string;
  kind: string;
  reason?: string;
  server?: string;
  space?: string;
  space_id?: string;
  text: string;
}

export interface Authorization {
  alias?: string;
  client_id: string;
  created_at: string;
  expires_at: string;
  id: string;
  last_used?: string;
  redirect_host: string;
  scopes: string[];
}

export interface Call {
  arguments?: unknown;
  client?: string;
  kind?: "tool" | "prompt" | "resource" | "template";
  name: string;
  server?: string;
  space?: string;
}

export interface Check {
  message: string;
  name: string;
  ok: boolean;
}

export interface Client {
  approved: boolean;
  authorizations: Authorization[];
  connected: number;
  created_at: string;
  declined_space_id?: string;
  grants: Grant[];
  id: string;
  keys: AccessKey[];
  last_seen?: string;
  mode: "follow" | "locked" | "ask";
  name: string;
  request?: Request;
  space: string;
  space_id?: string;
}

export interface ClientEffect {
  client: string;
  gains: string[];
  loses: string[];
  now: boolean;
}

export interface ClientFeatures {
  client: string;
  features: ExplainedFeature[];
  here: boolean;
  refusal?: string;
  space: string;
  visible: number;
}

export interface ClientGrant {
  set: string;
  space?: string;
}

export interface ClientMode {
  mode: "follow" | "locked" | "ask";
  space?: string;
}

export interface ClientPatch {
  name: string;
}

export interface CreatedClient {
  access_key: string;
  approved: boolean;
  authorizations: Authorization[];
  connected: number;
  created_at: string;
  declined_space_id?: string;
  grants: Grant[];
  id: string;
  keys: AccessKey[];
  last_seen?: string;
  mode: "follow" | "locked" | "ask";
  name: string;
  request?: Request;
  space: string;
  space_id?: string;
}

export interface CreatedKey {
  access_key: string;
  client_id: string;
  created_at: string;
  expires_at?: string;
  hint: string;
  id: string;
  label?: string;
  last_used?: string;
}

export interface DashboardSession {
  browser: string;
  created_at: string;
  current: boolean;
  expires_at: string;
  id: string;
  peer: string;
  used_at: string;
  user_agent: string;
}

export interface Decided {
  agreed: boolean;
  agreed_until?: string;
  alias?: string;
  client_id?: string;
  client_name: string;
  client_uri?: string;
  code?: string;
  created_at: string;
  custom_scheme: boolean;
  expires_at: string;
  id: string;
  kind: string;
  known_client?: string;
  listener?: string;
  loopback: boolean;
  redirect_host: string;
  redirect_to?: string;
  redirect_uri: string;
  resource: string;
  scopes: string[];
  state: string;
  wider: boolean;
}

export interface Decision {
  code?: string;
  expires_in?: string;
  grants?: string[];
  mode?: "follow" | "locked" | "ask";
  name?: string;
  space?: string;
}

export interface Definition {
  args?: string[];
  command?: string;
  cwd?: string;
  description?: string;
  homepage?: string;
  inputs?: Input[];
  title?: string;
  transport: "stdio" | "http" | "sse";
  url?: string;
}

export interface DeletedServer {
  alias: string;
  logged_in: boolean;
  secrets: number;
  values: number;
}

export interface DeletionEffect {
  client: string;
  effect: string;
  grants: number;
  mode: "follow" | "locked" | "ask";
}

export interface Doctor {
  checks: Check[];
  ok: boolean;
}

export interface ElicitAnswer {
  action: "accept" | "decline" | "cancel";
  content?: unknown;
}

export interface Elicitation {
  asked_at: string;
  client: string;
  client_id: string;
  id: string;
  message: string;
  schema?: unknown;
  server: string;
  space: string;
  space_id: string;
  tool?: string;
}

export interface Error {
  code: "not_found" | "conflict" | "invalid" | "denied" | "login_required" | "unavailable" | "internal";
  message: string;
}

export interface ErrorBody {
  error: Error;
}

export interface ExplainedFeature {
  excluded?: Step[];
  included?: Step[];
  kind: "tool" | "prompt" | "resource" | "template";
  member: string;
  name: string;
  off?: boolean;
  qualified?: string;
  reason: string;
  server: string;
  visible: boolean;
}

export interface Feature {
  description?: string;
  kind: "tool" | "prompt" | "resource" | "template";
  name: string;
  raw?: unknown;
}

export interface FeatureCounts {
  prompts: number;
  resources: number;
  templates: number;
  tools: number;
}

export interface FeatureSet {
  created_at: string;
  exclude: string[];
  granted_to: string[];
  id: string;
  include: string[];
  kind: "all" | "default" | "server_all" | "custom";
  member_of: string[];
  members: Member[];
  name: string;
  resolves: FeatureCounts;
  server?: string;
  space: string;
  space_id: string;
}

export interface FeatureSetPatch {
  name: string;
}

export interface Grant {
  set: string;
  space: string;
}

export interface Import {
  application?: string;
  servers: ImportChoice[];
  text?: string;
}

export interface ImportChoice {
  alias?: string;
  digest: string;
  values?: Value[];
}

export interface ImportPreview {
  file?: string;
  problems: ImportProblem[];
  servers: ImportServer[];
}

export interface ImportProblem {
  name?: string;
  text: string;
}

export interface ImportResult {
  added: boolean;
  alias: string;
  enabled: boolean;
  error?: string;
}

export interface ImportServer {
  alias: string;
  definition: Definition;
  digest: string;
  duplicate_of?: string;
  enabled: boolean;
  name?: string;
  own?: boolean;
  values: ImportValue[];
  warnings: ImportWarning[];
}

export interface ImportSource {
  application?: string;
  text?: string;
}

export interface ImportValue {
  from?: string;
  hidden?: boolean;
  kind: "env" | "header" | "input" | "login";
  missing?: boolean;
  name: string;
  prompt?: string;
  secret: boolean;
  value?: string;
}

export interface ImportWarning {
  stops: boolean;
  text: string;
}

export interface Imported {
  servers: ImportResult[];
}

export interface Input {
  default?: string;
  description?: string;
  id: string;
  label?: string;
  obtain?: Obtain;
  options?: InputOption[];
  placeholder?: string;
  required?: boolean;
  secret?: boolean;
  type?: string;
}

export interface InputOption {
  description?: string;
  label?: string;
  value: string;
}

export interface LogLine {
  at: string;
  level?: string;
  source: string;
  text: string;
}

export interface LoggedIn {
  expires_at?: string;
  issuer: string;
  obtained_at: string;
  renewable: boolean;
  scopes?: string[];
}

export interface Login {
  expires_at?: string;
  url: string;
  user_code?: string;
}

export interface LoginConfig {
  auth_method?: "none" | "client_secret_basic" | "client_secret_post" | "private_key_jwt";
  client_id?: string;
  client_metadata_url?: string;
  fallback?: boolean;
  grant?: "authorization_code" | "device_code" | "client_credentials";
  issuer?: string;
  keep_alive?: boolean;
  redirect_host?: string;
  scopes?: string[];
}

export interface LoginProgress {
  reason?: string;
  state: string;
}

export interface LoginRedirect {
  url: string;
}

export interface Member {
  exclude: boolean;
  kind: string;
  name?: string;
  server?: string;
  set_id?: string;
}

export interface MemberList {
  exclude: string[];
  include: string[];
}

export interface Members {
  exclude: boolean;
  members: string[];
}

export interface MissingValue {
  kind: "env" | "header" | "input" | "login";
  name: string;
  server: string;
  space: string;
}

export interface NewBackup {
  leave_out?: string[];
  passphrase?: string;
}

export interface NewClient {
  expires_in?: string;
  grants?: string[];
  mode?: "follow" | "locked" | "ask";
  name: string;
  space?: string;
}

export interface NewFeatureSet {
  name: string;
}

export interface NewKey {
  expires_in?: string;
  label?: string;
}

export interface NewLogin {
  again?: boolean;
  method?: string;
}

export interface NewRestore {
  dry_run?: boolean;
  file: string;
  passphrase?: string;
}

export interface NewServer {
  alias: string;
  call_timeout?: string;
  definition: Definition;
  enabled?: boolean;
  era?: "auto" | "legacy" | "modern";
  every_space?: boolean;
  idle_timeout?: string;
  isolation?: "auto" | "shared" | "session" | "none";
  login?: LoginConfig;
  max_processes?: number;
  prefix?: string;
  roots?: string[];
  values?: Value[];
}

export interface NewSpace {
  icon?: string;
  name: string;
}

export interface Obtain {
  instructions?: string;
  url?: string;
}

export interface Paired {
  browser: string;
  peer: string;
  user_agent: string;
}

export interface PairingCode {
  code: string;
  remote?: boolean;
}

export interface PreviewMembers {
  exclude: string[];
  include: string[];
  new?: boolean;
}

export interface Question {
  client: string;
  from: string;
  to: string;
}

export interface Rekey {
  passphrase?: string;
  to?: string;
}

export interface Request {
  agreed: boolean;
  agreed_until?: string;
  alias?: string;
  client_id?: string;
  client_name: string;
  client_uri?: string;
  code?: string;
  created_at: string;
  custom_scheme: boolean;
  expires_at: string;
  id: string;
  kind: string;
  known_client?: string;
  listener?: string;
  loopback: boolean;
  redirect_host: string;
  redirect_uri: string;
  resource: string;
  scopes: string[];
  state: string;
  wider: boolean;
}

export interface Restore {
  clients: string[];
  featuresets: number;
  keys: number;
  lacks: string[];
  logins: number;
  made_at: string;
  missing: MissingValue[];
  opened: boolean;
  own: boolean;
  restored: boolean;
  sealed: boolean;
  settings: number;
  spaces: RestoreSpace[];
  undo?: string;
  values: number;
  version: string;
}

export interface RestoreSpace {
  name: string;
  servers: string[];
}

export interface RotatedKey {
  expires_in?: string;
  grace?: string;
  label?: string;
}

export interface Secrets {
  key_version: number;
  reason?: string;
  sealed: number;
  source: string;
  state: string;
  warning?: string;
}

export interface SelectedFeature {
  in: boolean;
  kind: "tool" | "prompt" | "resource" | "template";
  member: string;
  name: string;
  off?: boolean;
  qualified?: string;
  server: string;
  was: boolean;
}

export interface Server {
  about?: About;
  alias: string;
  call_timeout?: string;
  created_at: string;
  definition: Definition;
  enabled: boolean;
  era?: "auto" | "legacy" | "modern";
  every_space?: boolean;
  features: FeatureCounts;
  id: string;
  idle_timeout?: string;
  isolation?: "auto" | "shared" | "session" | "none";
  logged_in?: LoggedIn;
  login: LoginConfig;
  max_processes?: number;
  prefix?: string;
  roots?: string[];
  space: string;
  space_id: string;
  status: ServerStatus;
  values: ValueName[];
}

export interface ServerPatch {
  call_timeout?: unknown;
  definition?: Definition;
  drop?: ValueRef[];
  enabled?: boolean;
  era?: unknown;
  idle_timeout?: unknown;
  isolation?: unknown;
  login?: unknown;
  max_processes?: unknown;
  prefix?: unknown;
  put?: Value[];
  roots?: unknown;
  values?: Value[];
}

export interface ServerStatus {
  attempts?: number;
  connections: number;
  login_wanted?: boolean;
  pid?: number;
  reason?: string;
  since: string;
  state: "disabled" | "connecting" | "connected" | "idle" | "login_required" | "error" | "stopped";
  stderr?: string[];
}

export interface ServerValue {
  kind: "env" | "header" | "input" | "login";
  name: string;
  secret: boolean;
  value?: string;
}

export interface Service {
  command: string[];
  current: boolean;
  installed: boolean;
  kind: string;
  path: string;
}

export interface SetPreview {
  clients: ClientEffect[];
  features: SelectedFeature[];
  gained: number;
  idle: string[];
  in: number;
  lost: number;
}

export interface Setting {
  choices?: string[];
  default: string;
  description: string;
  key: string;
  kind: string;
  overridden_by?: string;
  restart: boolean;
  value: string;
}

export interface SettingValue {
  value: string;
}

export interface Space {
  active: boolean;
  counts: SpaceCounts;
  created_at: string;
  default: boolean;
  icon?: string;
  id: string;
  name: string;
}

export interface SpaceCounts {
  clients: number;
  feature_sets: number;
  servers: number;
}

export interface SpaceDeletion {
  clients: DeletionEffect[];
  feature_sets: string[];
  grants: number;
  logins: number;
  next_active?: string;
  refused?: string;
  secrets: number;
  servers: DeletedServer[];
  space: string;
}

export interface SpacePatch {
  icon?: string;
  name?: string;
}

export interface Status {
  active_space: string;
  attention: Attention[];
  connected_servers: number;
  dashboard_addr: string;
  dashboard_url: string;
  gateway: string;
  gateway_addr: string;
  idle_servers: number;
  mcp_url: string;
  pid: number;
  questions: Question[];
  ready: boolean;
  ready_reason?: string;
  registered_clients: number;
  revision: number;
  secrets: Secrets;
  servers: number;
  sessions: number;
  spaces: number;
  started_at: string;
  statements: number;
  version: string;
  warnings: string[];
}

export interface Step {
  exclude?: boolean;
  member?: string;
  set: string;
}

export interface SwitchAnswer {
  accept: boolean;
}

export interface Ticket {
  expires_at: string;
  url: string;
}

export interface Tool {
  description?: string;
  input_schema?: unknown;
  name: string;
  server: string;
  title?: string;
}

export interface Unlock {
  passphrase?: string;
}

export interface Value {
  kind: "env" | "header" | "input" | "login";
  name: string;
  secret: boolean;
  value: string;
}

export interface ValueName {
  kind: "env" | "header" | "input" | "login";
  name: string;
  secret: boolean;
}

export interface ValueRef {
  kind: "env" | "header" | "input" | "login";
  name: string;
}

export interface Version {
  go: string;
  version: string;
}

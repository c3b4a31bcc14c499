/** What makes room in an etcd that is full, in one line for a shell; deleting keys alone does not take its alarm back. */

/** `address`: without a login, which goes beside it. Seen to work with etcd and etcdctl 3.4.23. */
export function roomCommand(address: string): string {
  const revision = `$($e endpoint status -w json | grep -o '"revision":[0-9]*' | grep -om1 '[0-9]*')`;
  return `e="etcdctl --endpoints=${address}"; $e compact "${revision}" && $e defrag && $e alarm disarm   # old versions of keys go; --user and --cacert as it wants them`;
}

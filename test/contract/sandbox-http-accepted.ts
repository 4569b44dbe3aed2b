/** A difference that stays, and why. `ask` matches the names of requests; `path` is the place in the answer. */
export interface Accepted {
  ask: string | RegExp;
  path: RegExp;
  reason: string;
}

const message = /^\/body(\/\d+)?\/message$/;

export const acceptedDifferences: Accepted[] = [
  // What the sandbox does not have.
  {
    ask: /table/,
    path: /^\/body(\/0\/object)?\/columnDefinitions\/\d+\/description$/,
    reason: 'The sandbox does not describe columns; kubectl does not show the texts.',
  },
  {
    ask: 'GET /apis/networking.k8s.io/v1',
    path: /^\/body\/resources\/[3-6](\/|$)/,
    reason: 'No addresses are managed by objects, so IPAddress and ServiceCIDR are not served.',
  },
  {
    ask: 'GET /apis/apiextensions.k8s.io/v1',
    path: /^\/body\/resources\/0\/storageVersionHash$/,
    reason: 'kube-apiserver still stores definitions as v1beta1; to clients the hash only tells that nothing changed.',
  },
  // What happens at another time.
  {
    ask: /^definition: (dry run|created)$/,
    path: /^\/body\/status\/(acceptedNames\/|conditions$)/,
    reason: 'A definition is established at once, in the same write; kube-apiserver does it a moment later.',
  },
  {
    ask: /^definition: (established|deleted)$/,
    path: /^\/body\/metadata\/managedFields\/1$/,
    reason: 'Established in the same write, the status has no second writer.',
  },
  {
    ask: /^(custom: (another version|by field|table|watch|delete all)|delete (in the foreground|and orphan))$/,
    path: /\/metadata\/managedFields\/0\/time$/,
    reason: 'kube-apiserver forgets when the scale subresource was written; the sandbox does not.',
  },
  {
    ask: /^(Self|Local)?SubjectAccessReview: |^TokenReview /,
    path: /^\/body\/metadata\/managedFields$/,
    reason: 'A review is not stored, so nobody owns its fields.',
  },
  // The same refusal in other words.
  {
    ask: /broken YAML$/,
    path: message,
    reason: 'The words are those of the YAML parser.',
  },
  {
    ask: /^(list|watch): (by )?a (broken selector|wrong label|broken token)$/,
    path: message,
    reason: 'The words are those of the Go parser of selectors, and of base64.',
  },
  {
    ask: /^create (of another kind|in another version)$/,
    path: message,
    reason:
      'kube-apiserver tells how reading the object as another Go type failed; the sandbox says what does not fit.',
  },
  {
    ask: 'update with another uid',
    path: message,
    reason: 'kube-apiserver names the key in etcd.',
  },
  {
    ask: /^(job: template|definition: (no storage|a broken rule))$/,
    path: /^\/body\/(message|details\/causes\/\d\/message)$/,
    reason:
      "kube-apiserver shows the value as its Go struct, with internal names; the words of CEL are the compiler's.",
  },
  {
    ask: 'custom: no kind',
    path: message,
    reason: 'kube-apiserver repeats the body, twice.',
  },
  {
    ask: 'custom: a long name',
    path: /^\/body\/(message|details\/causes\/0\/message)$/,
    reason: 'kube-apiserver counts characters here and bytes elsewhere, and means bytes.',
  },
  {
    ask: 'custom: another kind',
    path: /^\/body\/(message|details\/causes\/1)$/,
    reason: 'kube-apiserver checks an object of a wrong kind against the schema as well.',
  },
  {
    ask: /^custom: (spec of another type|json patch to another type)$/,
    path: /^\/body\/details\/causes\/\d/,
    reason:
      'kube-apiserver says once more, as a fault of the scale subresource, that the replicas are of a wrong type.',
  },
  {
    ask: 'custom: status of a wrong type',
    path: /^\/body\/details\/causes\/1\/message$/,
    reason: 'The place that the message names starts at the status; the cause names the same field.',
  },
];

export function isAccepted(ask: string, path: string): Accepted | undefined {
  return acceptedDifferences.find(
    one => (typeof one.ask === 'string' ? one.ask === ask : one.ask.test(ask)) && one.path.test(path),
  );
}

import type { KubeObject } from '../../api/object.ts';
import { formatLabelSelector } from '../selectors.ts';
import { columnsOf, type Printer } from './columns.ts';
import { age } from './durations.ts';
import { addressesOf, firstFew } from './text.ts';

function printer(names: string, cells: (object: KubeObject, created: string) => unknown[]): Printer {
  return {
    columns: columnsOf(names),
    cells: (object, now) => cells(object, age(object.metadata.creationTimestamp, now)),
  };
}

interface Subject {
  kind: string;
  name: string;
  namespace?: string;
}

const bindingPrinter = printer('Name|Role|Age|Users+|Groups+|ServiceAccounts+', (object, created) => {
  const subjects = (object.subjects ?? []) as Subject[];
  const named = (kind: string): string =>
    subjects
      .filter(subject => subject.kind === kind)
      .map(({ namespace, name }) => (namespace ? `${namespace}/${name}` : name))
      .join(', ');
  const { kind, name } = object.roleRef ?? {};
  return [object.metadata.name, `${kind}/${name}`, created, named('User'), named('Group'), named('ServiceAccount')];
});

const webhooks = printer('Name|Webhooks#|Age', (object, created) => [
  object.metadata.name,
  (object.webhooks ?? []).length,
  created,
]);

function hosts(rules: { host?: string }[] = []): string {
  const list = rules.map(rule => rule.host ?? '').filter(host => host);
  return firstFew(list, 3, '*');
}

function classParameters(object: KubeObject): string {
  const parameters = object.spec?.parameters;
  if (!parameters) return '<none>';
  return `${parameters.kind}${parameters.apiGroup ? `.${parameters.apiGroup}` : ''}/${parameters.name}`;
}

function withDefault(object: KubeObject, annotation: string): string {
  const marked = object.metadata.annotations?.[annotation] === 'true';
  return marked ? `${object.metadata.name} (default)` : object.metadata.name;
}

export const clusterPrinters: Record<string, Printer> = {
  RoleBinding: bindingPrinter,
  ClusterRoleBinding: bindingPrinter,
  MutatingWebhookConfiguration: webhooks,
  ValidatingWebhookConfiguration: webhooks,
  ValidatingAdmissionPolicy: printer('Name|Validations#|ParamKind|Age', (object, created) => {
    const { validations = [], paramKind } = object.spec ?? {};
    return [
      object.metadata.name,
      validations.length,
      paramKind ? `${paramKind.apiVersion}/${paramKind.kind}` : '<unset>',
      created,
    ];
  }),
  ValidatingAdmissionPolicyBinding: printer('Name|PolicyName|ParamRef|Age', (object, created) => {
    const { policyName = '', paramRef } = object.spec ?? {};
    const reference = paramRef
      ? paramRef.namespace
        ? `${paramRef.namespace}/${paramRef.name}`
        : `*/${paramRef.name}`
      : '<unset>';
    return [object.metadata.name, policyName, reference, created];
  }),
  Ingress: printer('Name|Class|Hosts|Address|Ports|Age', (object, created) => {
    const { ingressClassName, rules, tls = [] } = object.spec ?? {};
    return [
      object.metadata.name,
      ingressClassName ?? '<none>',
      hosts(rules),
      addressesOf(object.status?.loadBalancer?.ingress),
      tls.length > 0 ? '80, 443' : '80',
      created,
    ];
  }),
  IngressClass: printer('Name|Controller|Parameters|Age', (object, created) => [
    withDefault(object, 'ingressclass.kubernetes.io/is-default-class'),
    object.spec?.controller ?? '',
    classParameters(object),
    created,
  ]),
  NetworkPolicy: printer('Name|Pod-Selector|Age', (object, created) => [
    object.metadata.name,
    formatLabelSelector(object.spec?.podSelector) || '<none>',
    created,
  ]),
  Lease: printer('Name|Holder|Age', (object, created) => [
    object.metadata.name,
    object.spec?.holderIdentity ?? '',
    created,
  ]),
  StorageClass: printer(
    'Name|Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion|Age',
    (object, created) => [
      withDefault(object, 'storageclass.kubernetes.io/is-default-class'),
      object.provisioner ?? '',
      object.reclaimPolicy ?? 'Delete',
      object.volumeBindingMode ?? 'Immediate',
      object.allowVolumeExpansion ?? false,
      created,
    ],
  ),
  CSIDriver: printer(
    'Name|AttachRequired?|PodInfoOnMount?|StorageCapacity?|TokenRequests|RequiresRepublish?|Modes|Age',
    (object, created) => {
      const spec = object.spec ?? {};
      const audiences = ((spec.tokenRequests ?? []) as { audience: string }[]).map(request => request.audience);
      return [
        object.metadata.name,
        spec.attachRequired ?? true,
        spec.podInfoOnMount ?? false,
        spec.storageCapacity ?? false,
        audiences.join(',') || '<unset>',
        spec.requiresRepublish ?? false,
        (spec.volumeLifecycleModes ?? []).join(',') || '<none>',
        created,
      ];
    },
  ),
  CSINode: printer('Name|Drivers#|Age', (object, created) => [
    object.metadata.name,
    (object.spec?.drivers ?? []).length,
    created,
  ]),
  CSIStorageCapacity: printer('Name|StorageClassName|Capacity', object => [
    object.metadata.name,
    object.storageClassName ?? '',
    object.capacity ?? '<unset>',
  ]),
  VolumeAttachment: printer('Name|Attacher|PV|Node|Attached?|Age', (object, created) => [
    object.metadata.name,
    object.spec?.attacher ?? '',
    object.spec?.source?.persistentVolumeName ?? '',
    object.spec?.nodeName ?? '',
    object.status?.attached ?? false,
    created,
  ]),
  VolumeAttributesClass: printer('Name|DriverName|Age', (object, created) => [
    object.metadata.name,
    object.driverName ?? '',
    created,
  ]),
  PriorityClass: printer('Name|Value#|Global-Default?|Age|PreemptionPolicy+', (object, created) => [
    object.metadata.name,
    object.value ?? 0,
    object.globalDefault ?? false,
    created,
    object.preemptionPolicy ?? '',
  ]),
  EndpointSlice: printer('Name|AddressType|Ports|Endpoints|Age', (object, created) => {
    const ports = ((object.ports ?? []) as { port?: number; name?: string }[]).map(({ port, name }) =>
      String(port ?? name ?? '*'),
    );
    const addresses = ((object.endpoints ?? []) as { addresses: string[] }[]).flatMap(endpoint => endpoint.addresses);
    return [
      object.metadata.name,
      object.addressType ?? '',
      firstFew(ports, 3, '<unset>'),
      firstFew(addresses, 3, '<unset>'),
      created,
    ];
  }),
  APIService: printer('Name|Service|Available|Age', (object, created) => {
    const service = object.spec?.service;
    return [object.metadata.name, service ? `${service.namespace}/${service.name}` : 'Local', 'True', created];
  }),
};

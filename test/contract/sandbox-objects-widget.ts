import { apply, type Case, edit, metadata } from './sandbox-objects-steps.ts';

/** A custom resource with a bit of everything that a definition's schema may hold. */
export const widgetSchema = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 1, maximum: 10 },
        interval: { type: 'string', pattern: '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$', default: '5m' },
        provider: { type: 'string', maxLength: 9, enum: ['generic', 'aws'], default: 'generic' },
        secretRef: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
        serviceAccountName: { type: 'string', maxLength: 10 },
        tags: { type: 'array', maxItems: 9, items: { type: 'string', maxLength: 20 }, 'x-kubernetes-list-type': 'set' },
        plain: { type: 'array', items: { type: 'string', maxLength: 20 }, maxItems: 3 },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          items: {
            type: 'object',
            required: ['port'],
            properties: {
              port: { type: 'integer' },
              protocol: { type: 'string', default: 'TCP' },
              note: { type: 'string' },
            },
          },
        },
        whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', additionalProperties: { type: 'string' } },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        target: { 'x-kubernetes-int-or-string': true },
        maybe: { type: 'string', nullable: true },
        nested: { type: 'object', properties: { deep: { type: 'boolean', default: true } } },
        immutable: {
          type: 'string',
          maxLength: 20,
          'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'may not change' }],
        },
      },
      'x-kubernetes-validations': [
        { rule: "self.provider != 'generic' || !has(self.serviceAccountName)", message: 'no account for generic' },
        { rule: '!has(self.tags) || self.tags.all(t, t.startsWith("t"))' },
        {
          rule: '!has(self.plain) || size(self.plain) < 3',
          messageExpression: '"too many for " + self.provider',
        },
      ],
    },
    status: {
      type: 'object',
      properties: {
        observedGeneration: { type: 'integer' },
        conditions: {
          type: 'array',
          items: {
            type: 'object',
            required: ['type', 'status'],
            properties: { type: { type: 'string' }, status: { type: 'string' }, message: { type: 'string' } },
          },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['type'],
        },
      },
    },
  },
};

const widget = { apiVersion: 'sandbox.sluice.dev/v1', kind: 'Widget', plural: 'widgets', crd: widgetSchema };

function widgetOf(spec: object, more: object = {}): object {
  return { apiVersion: widget.apiVersion, kind: 'Widget', metadata, spec, ...more };
}

export const widgetCase: Case = {
  name: 'widget',
  resource: widget,
  steps: [
    apply(
      'flux',
      widgetOf({ size: 1, tags: ['t1', 't2'], whole: { a: 'b' }, ports: [{ port: 80 }], free: { x: { y: [1] } } }),
    ),
    apply(
      'flux',
      widgetOf({ size: 1, tags: ['t1', 't2'], whole: { a: 'b' }, ports: [{ port: 80 }], free: { x: { y: [1] } } }),
    ),
    apply(
      'two',
      widgetOf({
        size: 1,
        tags: ['t3'],
        ports: [
          { port: 80, protocol: 'UDP', note: 'n' },
          { port: 80, note: 'tcp' },
        ],
      }),
    ),
    apply('two', widgetOf({ size: 1, whole: { c: 'd' } })),
    apply('two', widgetOf({ size: 1, whole: { c: 'd' }, nested: {} }), { force: true }),
    apply('flux', widgetOf({ size: 2, ports: [{ port: 81 }] })),
    apply('flux', widgetOf({ size: 2, ports: [{ port: 81 }] }), { force: true }),
    { verb: 'merge', manager: 'm', body: { spec: { plain: ['a'], maybe: null, free: { q: 1 }, target: 5 } } },
    {
      verb: 'update',
      manager: 'm',
      body: edit(live => {
        live.spec.immutable = 'a';
      }),
    },
    {
      verb: 'update',
      manager: 'm',
      body: edit(live => {
        live.spec.immutable = 'b';
      }),
    },
    {
      verb: 'merge',
      manager: 'ctl',
      subresource: 'status',
      body: { status: { observedGeneration: 1, conditions: [{ type: 'Ready', status: 'True' }] } },
    },
    apply(
      'ctl2',
      {
        apiVersion: widget.apiVersion,
        kind: 'Widget',
        metadata,
        status: { conditions: [{ type: 'Stalled', status: 'False' }] },
      },
      { subresource: 'status' },
    ),
    apply(
      'ctl2',
      {
        apiVersion: widget.apiVersion,
        kind: 'Widget',
        metadata,
        status: { conditions: [{ type: 'Ready', status: 'False', message: 'm' }] },
      },
      { subresource: 'status' },
    ),
    { verb: 'merge', manager: 'm', body: { spec: { size: null } } },
    {
      verb: 'merge',
      manager: 'm',
      body: { spec: { size: 11, provider: 'gcp', interval: 'x', serviceAccountName: '12345678901' } },
    },
    { verb: 'merge', manager: 'm', body: { spec: { size: '3', plain: [1] } } },
    {
      verb: 'merge',
      manager: 'm',
      body: { spec: { serviceAccountName: 'x', tags: ['t', 'u'], plain: ['a', 'b', 'c'] } },
    },
    { verb: 'merge', manager: 'm', body: { spec: { tags: ['t', 't'], ports: [{ port: 1 }, { port: 1 }] } } },
    { verb: 'merge', manager: 'm', body: { spec: { plain: ['1', '2', '3', '4'], secretRef: {}, extra: 1 } } },
    { verb: 'merge', manager: 'm', body: { spec: { extra: 1, nested: { x: 1 } } }, fieldValidation: 'Warn' },
    { verb: 'merge', manager: 'm', body: { spec: { plain: ['1', '2', '3', '4'], secretRef: {} } } },
    apply('flux', widgetOf({ size: 2, extra: 1 })),
    apply('flux', widgetOf({ size: 'x' })),
    apply('flux', widgetOf({ size: 2, tags: ['t', 't'] })),
    apply('flux', widgetOf({ size: 2, target: '10%' }), { force: true }),
    {
      verb: 'json',
      manager: 'm',
      body: [
        { op: 'add', path: '/spec/plain/-', value: 'z' },
        { op: 'copy', from: '/spec/size', path: '/spec/target' },
      ],
    },
  ],
};

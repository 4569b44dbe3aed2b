/** The demo repository's content: a small application of a few objects, made to be changed and pushed. */
export const demoFiles: Record<string, string> = {
  'README.md': `# The demo

\`app/\` is what runs in the cluster. Change something, commit, push, and watch it arrive.

Things to try:

- change \`GREETING\` in \`app/settings.yaml\`
- change \`replicas\` in \`app/deployment.yaml\`
- add a file to \`app/\` and to \`resources\` in \`app/kustomization.yaml\`; remove it again, and it is removed from the cluster
- break something (\`replicas: many\`), and see what is said about it
`,
  'app/kustomization.yaml': `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - namespace.yaml
  - settings.yaml
  - deployment.yaml
  - service.yaml
`,
  'app/namespace.yaml': `apiVersion: v1
kind: Namespace
metadata:
  name: hello
`,
  'app/settings.yaml': `apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: hello
data:
  GREETING: Hello from Git
  COLOUR: "#2257d6"
`,
  'app/deployment.yaml': `apiVersion: apps/v1
kind: Deployment
metadata:
  name: hello
  namespace: hello
  labels:
    app: hello
spec:
  replicas: 2
  selector:
    matchLabels:
      app: hello
  template:
    metadata:
      labels:
        app: hello
    spec:
      containers:
        - name: web
          image: docker.io/library/nginx:1.29-alpine
          ports:
            - name: http
              containerPort: 80
          envFrom:
            - configMapRef:
                name: settings
          readinessProbe:
            httpGet:
              path: /
              port: http
          resources:
            requests:
              cpu: 10m
              memory: 16Mi
`,
  'app/service.yaml': `apiVersion: v1
kind: Service
metadata:
  name: hello
  namespace: hello
spec:
  selector:
    app: hello
  ports:
    - name: http
      port: 80
      targetPort: http
`,
};

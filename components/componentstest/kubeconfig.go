package componentstest

// TwoContexts is a kubeconfig whose second context has a file beside it, ca.crt.
const TwoContexts = `apiVersion: v1
kind: Config
current-context: first
clusters:
- {name: a, cluster: {server: https://a:6443}}
- {name: b, cluster: {server: https://b:6443, certificate-authority: ca.crt}}
contexts:
- {name: first, context: {cluster: a, user: alice}}
- {name: second, context: {cluster: b, user: bob}}
users:
- {name: alice, user: {token: secret-of-alice}}
- {name: bob, user: {token: secret-of-bob}}
`

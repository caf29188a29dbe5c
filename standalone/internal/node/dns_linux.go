package node

import "context"

// object is a Kubernetes object in its JSON form.
type object = map[string]any

// applyDNS makes CoreDNS known to the cluster: its permissions, and the service by
// which pods reach it. CoreDNS is no pod, so the service has no selector; its
// endpoint is the node's address.
func (s *supervisor) applyDNS(ctx context.Context) error {
	for _, item := range buildDNS(s.cluster.Plan.DNSIP.String(), s.cluster.Plan.NodeIP.String()) {
		if err := s.api.Apply(ctx, item.path, item.object); err != nil {
			return err
		}
	}
	return nil
}

// pathObject is an object and its path in the API.
type pathObject struct {
	path   string
	object object
}

// buildDNS returns the objects for CoreDNS. Names, labels and rules are
// kubeadm's, so that tools that look for the cluster's DNS find it
// (https://github.com/coredns/deployment/blob/master/kubernetes/coredns.yaml.sed).
func buildDNS(serviceIP, endpointIP string) []pathObject {
	const (
		namespace = "kube-system"
		name      = "kube-dns"
		role      = "system:coredns"
		rbac      = "rbac.authorization.k8s.io"
	)
	ports := func(value func(port int) object) []any {
		dns := value(53)
		dns["name"], dns["protocol"] = "dns", "UDP"
		tcp := value(53)
		tcp["name"], tcp["protocol"] = "dns-tcp", "TCP"
		return []any{dns, tcp}
	}
	listWatch := func(group string, resources ...string) object {
		return object{"apiGroups": []string{group}, "resources": resources, "verbs": []string{"list", "watch"}}
	}
	return []pathObject{
		{"/apis/" + rbac + "/v1/clusterroles/" + role, object{
			"apiVersion": rbac + "/v1", "kind": "ClusterRole", "metadata": object{"name": role},
			"rules": []any{
				listWatch("", "endpoints", "services", "pods", "namespaces"),
				listWatch("discovery.k8s.io", "endpointslices"),
			},
		}},
		{"/apis/" + rbac + "/v1/clusterrolebindings/" + role, object{
			"apiVersion": rbac + "/v1", "kind": "ClusterRoleBinding", "metadata": object{"name": role},
			"roleRef":  object{"apiGroup": rbac, "kind": "ClusterRole", "name": role},
			"subjects": []any{object{"apiGroup": rbac, "kind": "User", "name": role}},
		}},
		{"/api/v1/namespaces/" + namespace + "/services/" + name, object{
			"apiVersion": "v1", "kind": "Service",
			"metadata": object{
				"name": name, "namespace": namespace,
				"labels": object{"k8s-app": name, "kubernetes.io/name": "CoreDNS"},
			},
			"spec": object{
				"clusterIP": serviceIP,
				"ports":     ports(func(port int) object { return object{"port": port, "targetPort": port} }),
			},
		}},
		{"/apis/discovery.k8s.io/v1/namespaces/" + namespace + "/endpointslices/" + name, object{
			"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
			"metadata": object{
				"name": name, "namespace": namespace,
				"labels": object{
					"kubernetes.io/service-name":             name,
					"endpointslice.kubernetes.io/managed-by": "gopherlocks",
				},
			},
			"addressType": "IPv4",
			"endpoints":   []any{object{"addresses": []string{endpointIP}, "conditions": object{"ready": true}}},
			"ports":       ports(func(port int) object { return object{"port": port} }),
		}},
	}
}

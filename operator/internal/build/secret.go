package build

import (
	"cmp"
	"errors"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// SecretContent is what a MiniCluster of Flux keeps secret. All parts are needed.
type SecretContent struct {
	// Curve is the brokers' CURVE certificate, with its secret key.
	Curve string
	// Token is what the lead's endpoint knows the operator by.
	Token string
	// TLSCert and TLSKey are the endpoint's, in PEM.
	TLSCert, TLSKey []byte
}

// String keeps the content out of logs.
func (SecretContent) String() string { return "(secret)" }

// GoString keeps the content out of logs.
func (s SecretContent) GoString() string { return s.String() }

// Secret returns the Secret of a MiniCluster of Flux. It is immutable: ranks that
// run have read it, and kubelets need not watch it. The error names a part that
// content lacks.
func Secret(mc *api.MiniCluster, content SecretContent) (*corev1ac.SecretApplyConfiguration, error) {
	missing := func(part string, size int) error {
		if size > 0 {
			return nil
		}
		return errors.New("the Secret of a MiniCluster needs its " + part)
	}
	err := cmp.Or(
		missing("CURVE certificate", len(content.Curve)),
		missing("token", len(content.Token)),
		missing("TLS certificate", len(content.TLSCert)),
		missing("TLS key", len(content.TLSKey)))
	if err != nil {
		return nil, err
	}
	return corev1ac.Secret(SecretName(mc), mc.Namespace).
		WithLabels(Labels(mc.Name)).
		WithOwnerReferences(ownerReference(mc)).
		WithType(corev1.SecretTypeOpaque).
		WithImmutable(true).
		WithData(map[string][]byte{
			agentapi.CurveKey:   []byte(content.Curve),
			agentapi.TokenKey:   []byte(content.Token),
			agentapi.TLSCertKey: content.TLSCert,
			agentapi.TLSKeyKey:  content.TLSKey,
		}), nil
}

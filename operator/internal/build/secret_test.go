package build

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

func content() SecretContent {
	return SecretContent{Curve: "curve", Token: "token", TLSCert: []byte("cert"), TLSKey: []byte("key")}
}

func TestSecretHoldsItsContentForGood(t *testing.T) {
	built, err := Secret(sample(), content())
	if err != nil {
		t.Fatal(err)
	}
	secret := decode[corev1.Secret](t, built)
	equal(t, "immutable", *secret.Immutable, true)
	equal(t, "data", secret.Data, map[string][]byte{
		"curve.cert": []byte("curve"), "token": []byte("token"), "tls.crt": []byte("cert"), "tls.key": []byte("key"),
	})
	if strings.Contains(encode(t, secret.ObjectMeta), "token") || len(secret.Annotations) != 0 {
		t.Errorf("metadata %s", encode(t, secret.ObjectMeta))
	}
}

// certificate is one as "flux keygen" makes it.
func certificate(t *testing.T, name string) string {
	t.Helper()
	cert, err := fluxconf.NewCurve(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestAnotherMiniClusterOrCertificateIsAnotherSecret: that of a deleted MiniCluster of
// the same name may still be there. A Secret that ranks have mounted cannot change,
// and those that are still to end need theirs.
func TestAnotherMiniClusterOrCertificateIsAnotherSecret(t *testing.T) {
	names := map[string]bool{}
	for _, c := range []struct {
		uid  types.UID
		cert string
	}{{"mc", ""}, {"anew", ""}, {"mc", certificate(t, "first")}, {"mc", certificate(t, "second")}} {
		mc := sample()
		mc.UID = c.uid
		mc.Spec.Flux.CurveCert = c.cert
		built, err := Secret(mc, content())
		if err != nil {
			t.Fatal(err)
		}
		names[*built.Name] = true
		equal(t, "name", *built.Name, SecretName(mc))
		for _, volume := range builtPod(t, mc).Spec.Volumes {
			if volume.Secret != nil {
				equal(t, "mounted Secret", volume.Secret.SecretName, SecretName(mc))
			}
		}
	}
	if len(names) != 4 {
		t.Errorf("names %v", sortedKeys(names))
	}
}

func TestSecretIsWholeOrNone(t *testing.T) {
	for part, remove := range map[string]func(*SecretContent){
		"CURVE certificate": func(c *SecretContent) { c.Curve = "" },
		"token":             func(c *SecretContent) { c.Token = "" },
		"TLS certificate":   func(c *SecretContent) { c.TLSCert = nil },
		"TLS key":           func(c *SecretContent) { c.TLSKey = nil },
	} {
		c := content()
		remove(&c)
		_, err := Secret(sample(), c)
		mustRefuse(t, err, part)
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, value := range []any{content(), []SecretContent{content()}} {
			if text := fmt.Sprintf(format, value); strings.Contains(text, "token") || strings.Contains(text, "curve") {
				t.Errorf("%s prints %s", format, text)
			}
		}
	}
}

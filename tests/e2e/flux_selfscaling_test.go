package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// accountFolder is where Kubernetes mounts a pod's ServiceAccount.
const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

// testFluxSelfScaling runs the example of examples/self-scaling as jobs of the
// instance that it scales.
func testFluxSelfScaling(t *testing.T, w *workspace) {
	f := elasticInstance(w)
	f.flux(t, "run", "scale", "scale", "4")
	f.flux(t, "run", "scale", "wait", "4")
	f.waitForSize(t, 4)
	f.flux(t, "run", "scale", "scale", "1")
	f.waitForSize(t, 1)
	if got := f.flux(t, "run", "scale", "get"); got != "size 1 wished, 1 there" {
		t.Errorf("scale get: %q, want size 1", got)
	}
	for args, want := range map[string]string{
		"scale 5":                       "size 5 must be at most maxSize 4",
		"scale 0":                       "size 0 must be at least minSize 1",
		"-name " + cluster + " scale 2": "forbidden",
	} {
		_, said, err := f.exec(t, append([]string{"scale"}, strings.Fields(args)...)...)
		if err == nil || !strings.Contains(said, want) {
			t.Errorf("scale %s: %v %q, want %q", args, err, said, want)
		}
	}
	f.checkToken(t)
	f.remove(t)
}

// checkToken tries the token on what it must not allow.
func (f fluxInstance) checkToken(t *testing.T) {
	t.Helper()
	read := func(file string) string {
		out, errOut, err := f.exec(t, "cat", accountFolder+"/"+file)
		if err != nil {
			t.Fatalf("reading %s: %v %s", file, err, errOut)
		}
		return out
	}
	authority := filepath.Join(f.w.programsDir(), "ca.crt")
	if err := os.WriteFile(authority, []byte(read("ca.crt")), 0o600); err != nil {
		t.Fatal(err)
	}
	asRank := []string{
		// The administrator's certificate is left out: it would win.
		"--kubeconfig=" + os.DevNull,
		"--server=" + strings.TrimSpace(f.w.run(t, "pulumi", "stack", "output", "endpoint")),
		"--certificate-authority=" + authority, "--token=" + read("token"), "-n", namespace,
	}
	scaleOf := func(name string) string {
		return fmt.Sprintf("/apis/flux-framework.org/v1alpha2/namespaces/%s/miniclusters/%s/scale", namespace, name)
	}
	f.w.run(t, "kubectl", append(asRank, "get", "--raw", scaleOf(f.name))...)
	for _, command := range []string{
		"get --raw " + scaleOf(cluster),
		"scale minicluster " + cluster + " --replicas=2",
		"get minicluster " + f.name,
		"get miniclusters",
		`patch minicluster ` + f.name + ` --type=merge -p {"spec":{"maxSize":9}}`,
		"delete minicluster " + f.name,
		"get pods",
		"get secrets",
		"get secret " + f.secret(t).Name,
		"get jobs",
	} {
		if said := f.w.fail(t, "kubectl", append(asRank, strings.Fields(command)...)...); !strings.Contains(said, "forbidden") {
			t.Errorf("kubectl %s with the token of a rank: %s, want forbidden", command, said)
		}
	}
}

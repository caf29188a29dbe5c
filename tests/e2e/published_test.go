package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/gopherlocks/gopherlocks/demo/standin"
	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// published are specs of kinds that people have published for the Flux Operator, and
// what the lead prints. Each ends well.
var published = map[string]struct{ spec, prints string }{
	"profile": {`
size: 1
logging: {quiet: true}
containers:
- launcher: true
  command: echo "level=$LEVEL folder=$(pwd) path=${PATH%%:*}"
  commands:
    pre: |
      echo 'export PATH=/opt/site/bin:$PATH' > /tmp/site-profile.sh
      . /tmp/site-profile.sh
      export LEVEL=gold
      cd /usr
    post: echo hello post
`, "level=gold folder=/usr path=/opt/site/bin\nhello post\n"},
	"roomy": {`
size: 2
tasks: 0
logging: {quiet: true}
containers:
- command: sh -c 'grep -o " /dev/shm .*size=262144k" /proc/mounts | wc -l'
  volumes:
    room: {emptyDir: true, emptyDirMedium: memory, emptyDirSizeLimit: 256Mi}
`, "1\n1\n"},
	"unprivileged": {`
size: 1
logging: {quiet: true}
containers:
- command: id -u
  securityContext:
    runAsUser: 1000
    runAsGroup: 1000
    capabilities: {add: [IPC_LOCK]}
`, "1000\n"},
	"owner": {`
size: 1
logging: {quiet: true}
containers:
- launcher: true
  command: touch /tmp/mine && chown 1:1 /tmp/mine && ls -n /tmp/mine | cut -d' ' -f3
`, "1\n"},
	"own-r": {`
size: 1
logging: {quiet: true}
containers:
- command: echo three cores and a GPU
  commands:
    pre: |
      printf '%s' '{"version":1,"execution":{"R_lite":[{"rank":"0","children":{"core":"0-2","gpu":"0"}}],"starttime":0.0,"expiration":0.0,"nodelist":["'"${hosts}"'"]}}' > ${viewroot}/etc/flux/system/R
flux:
  optionFlags: -c3 -g1
`, "three cores and a GPU\n"},
	"tree": {`
size: 2
tasks: 2
logging: {quiet: true}
containers:
- command: echo leaf
flux:
  topology: kary:2
`, "leaf\nleaf\n"},
}

// testPublished runs all of them at once.
func testPublished(t *testing.T, w *workspace) {
	instances := map[string]fluxInstance{}
	for name, p := range published {
		var spec v1alpha2.MiniClusterSpec
		if err := yaml.UnmarshalStrict([]byte(p.spec), &spec); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// The stand-in keeps the instance in a folder of the machine, for any user.
		folder := filepath.Join(w.programsDir(), standin.InstanceFolder(name))
		if err := errors.Join(os.Mkdir(folder, 0o755), os.Chmod(folder, 0o777)); err != nil {
			t.Fatal(err)
		}
		instances[name] = w.applyFlux(t, name, spec)
	}
	for name, f := range instances {
		f.mustEnd(t, v1alpha2.ConditionComplete, v1alpha2.ReasonCommandSucceeded, 0)
		got := w.run(t, "kubectl", "logs", "-n", namespace, "-l", "job-name="+name+",job-index=0", "--tail=-1")
		if !strings.Contains(got, published[name].prints) || len(got) != len(published[name].prints) {
			t.Errorf("%s printed %q, want %q", name, got, published[name].prints)
		}
		f.remove(t)
	}
}

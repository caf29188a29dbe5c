package embedded

import (
	"strings"
	"testing"
)

func TestMissingThingsAreListedAtOnce(t *testing.T) {
	err := describeMissing([]string{"the program runc", "the program ctr"}, []string{"runc", "containerd", "runc"})
	for _, want := range []string{"- the program runc", "- the program ctr", "apt-get install -y runc containerd\n", "clusterProvider existing"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}

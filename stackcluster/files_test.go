package stackcluster

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func TestRecordsAreFoundByStack(t *testing.T) {
	state := t.TempDir()
	want := map[string]string{}
	for _, stack := range []string{"dev", "team.prod"} {
		want[stack] = RecordFile(state, stack)
		if err := os.WriteFile(want[stack], nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(KubeconfigFile(state, "dev"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := RecordFiles(state); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := RecordFiles(filepath.Join(state, "none")); len(got) > 0 {
		t.Errorf("of nothing: %v", got)
	}
}

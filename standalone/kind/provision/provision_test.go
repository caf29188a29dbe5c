package provision

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

func TestNoEngineIsProvidedInPlaceOfAStoppedOneWithAClusterOnIt(t *testing.T) {
	folders := Folders{bin: t.TempDir(), state: t.TempDir(), cache: t.TempDir()}
	for file, content := range map[string]string{
		filepath.Join(folders.state, "clusterProvider.dev"): "kind\n",
		filepath.Join(folders.cache, "docker"): "#!/bin/sh\n[ \"$1\" = -v ] && echo Docker version 28 && exit\n" +
			"echo Cannot connect to the Docker daemon >&2\nexit 1\n",
	} {
		if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// No apt-get either: what should not be done fails at once.
	t.Setenv("PATH", folders.cache)
	t.Setenv(containerengine.Variable, "")
	t.Setenv("DOCKER_HOST", "")
	err := Up(t.Context(), folders)
	if err == nil || !strings.Contains(err.Error(), "docker is installed and not running") || !strings.Contains(err.Error(), "clusterProvider.dev") {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(filepath.Join(folders.state, "kind.json")); !os.IsNotExist(err) {
		t.Errorf("the work tree is led elsewhere (%v)", err)
	}
}

package crosscompile

import (
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

func TestSettingsOfTheUserAreNoticed(t *testing.T) {
	ours := []debug.BuildSetting{{Key: "-trimpath", Value: "true"}, {Key: "GOARCH", Value: "arm64"}, {Key: "GOARM64", Value: "v8.0"}}
	if err := checkSettings(ours); err != nil {
		t.Errorf("our own settings are refused: %v", err)
	}
	for _, theirs := range []debug.BuildSetting{{Key: "GOEXPERIMENT", Value: "jsonv2"}, {Key: "GOAMD64", Value: "v3"}, {Key: "CGO_ENABLED", Value: "1"}, {Key: "-tags", Value: "x"}} {
		err := checkSettings(append(ours, theirs))
		if err == nil || !strings.Contains(err.Error(), theirs.Key+"="+theirs.Value) {
			t.Errorf("%s=%s: error = %v", theirs.Key, theirs.Value, err)
		}
	}
}

func TestWhatDoesNotCompileIsShown(t *testing.T) {
	_, err := Build(t.Context(), t.TempDir(), "arm64", func(int) {}, "example.org/none")
	if err == nil || !strings.Contains(err.Error(), "linux/arm64") || !strings.Contains(err.Error(), "example.org/none") {
		t.Errorf("error = %v", err)
	}
}

func TestPackagesAreCountedAndErrorsAreKept(t *testing.T) {
	var counted []int
	o := &output{progress: func(packages int) { counted = append(counted, packages) }}
	for _, part := range []string{"internal/godebugs\nexample.org/a", "/b\n# example.org/a/b\na/b.go:3:2: undefined: x\n"} {
		if n, err := o.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if !slices.Equal(counted, []int{1, 2}) || o.text.String() != "# example.org/a/b\na/b.go:3:2: undefined: x\n" {
		t.Errorf("counted %v, kept %q", counted, o.text.String())
	}
}

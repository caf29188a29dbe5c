package images

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestProgramsForAnotherPlatformAreNoticed(t *testing.T) {
	settings := func(goos, goarch, cgo string) *debug.BuildInfo {
		return &debug.BuildInfo{Settings: []debug.BuildSetting{
			{Key: "CGO_ENABLED", Value: cgo}, {Key: "GOARCH", Value: goarch}, {Key: "GOOS", Value: goos},
		}}
	}
	for want, info := range map[string]*debug.BuildInfo{
		"":                                    settings("linux", "arm64", "0"),
		"GOOS=darwin, want linux":             settings("darwin", "arm64", "0"),
		"GOARCH=amd64, want arm64":            settings("linux", "amd64", "0"),
		"CGO_ENABLED=1, want 0":               settings("linux", "arm64", "1"),
		"GOOS=, want linux":                   {},
		"nothing is known of how the program": nil,
	} {
		err := Program{Info: info}.Check("arm64")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("error = %v, want %q", err, want)
		}
	}
}

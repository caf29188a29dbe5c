package images

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// Program is a compiled program.
type Program struct {
	// Content is the content of the executable file.
	Content []byte
	// Info is what the compiler wrote into it: modules, Go version and settings.
	Info *debug.BuildInfo
}

// Check makes sure that a program is static, and built for Linux on the
// architecture.
func (p Program) Check(architecture string) error {
	if p.Info == nil {
		return errors.New("nothing is known of how the program was built")
	}
	settings := map[string]string{}
	for _, setting := range p.Info.Settings {
		settings[setting.Key] = setting.Value
	}
	for _, want := range []debug.BuildSetting{
		{Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: architecture}, {Key: "CGO_ENABLED", Value: "0"},
	} {
		if got := settings[want.Key]; got != want.Value {
			return fmt.Errorf("the program was built with %s=%s, want %s", want.Key, got, want.Value)
		}
	}
	return nil
}

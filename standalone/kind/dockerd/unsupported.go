//go:build !linux

package dockerd

import (
	"context"
	"errors"
)

var errUnsupported = errors.New("a Docker Engine of its own needs Linux; install Docker Desktop, Podman or the like")

// Main has nothing to do: no engine can run here.
func Main() {}

func (e Engine) rememberSettings(context.Context) error          { return errUnsupported }
func (e Engine) restoreSettings(context.Context) error           { return errUnsupported }
func (e Engine) spawn(string) error                              { return errUnsupported }
func (e Engine) removeLost(context.Context, []int) error         { return errUnsupported }
func (e Engine) end(context.Context) error                       { return errUnsupported }
func removeCgroups(context.Context, string) error                { return errUnsupported }
func interfaces() ([]int, error)                                 { return nil, errUnsupported }
func dockerd(context.Context, string, ...string) (string, error) { return "", errUnsupported }

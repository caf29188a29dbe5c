//go:build !linux

package agent

import "errors"

var errLinuxOnly = errors.New("ranks run on Linux only")

func parentLimits() ([]limit, error) { return nil, errLinuxOnly }

func adoptOrphans() error { return errLinuxOnly }

// Package fluxcli is a typed client over the command "flux". Each method runs one
// command (more where it says so) and reads what it printed, in formats that we
// choose by --format, so that Flux's defaults and users' own do not matter.
//
// Sources: the man pages flux-resource(1), flux-jobs(1), flux-queue(1),
// and src/cmd of flux-core 0.88.
package fluxcli

import (
	"context"
	"slices"
	"strings"
)

// Client asks one instance of Flux.
type Client struct {
	program string
	env     []string
	version Version
}

// New makes a client that runs program, the path of "flux", with the environment
// env in the form of os.Environ; its FLUX_URI says which instance is asked. It
// runs "flux version" and refuses what is older than Minimum. The instance need
// not run yet.
func New(ctx context.Context, program string, env []string) (*Client, error) {
	c := &Client{program: program, env: slices.Clone(env)}
	// With FLUX_URI, "flux version" asks the broker too, and fails without it.
	alone := &Client{program: program, env: slices.DeleteFunc(slices.Clone(env), func(variable string) bool {
		return strings.HasPrefix(variable, "FLUX_URI=")
	})}
	output, err := alone.run(ctx, "version")
	if err != nil {
		return nil, err
	}
	if c.version, err = parseVersion(output); err != nil {
		return nil, err
	}
	if err := c.version.checkMinimum(); err != nil {
		return nil, err
	}
	return c, nil
}

// Version of the flux-core that the commands are of.
func (c *Client) Version() Version { return c.version }

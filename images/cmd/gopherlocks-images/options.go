package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/gopherlocks/gopherlocks/images/release"
	"github.com/gopherlocks/gopherlocks/version"
)

type options struct {
	registry string
	tag      string
	output   string
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("gopherlocks-images", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.registry, "registry", "", "`host` and path that the images' names are appended to, such as ghcr.io/team")
	flags.StringVar(&o.tag, "tag", "", "`tag` of the images; by default their version, "+version.Version)
	flags.StringVar(&o.output, "output", "", "write an OCI layout for each image into this `folder` instead of pushing; the registry is then only a name")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("there is no argument %q; see --help", flags.Arg(0))
	}
	if o.registry == "" && o.output == "" {
		return o, errors.New("there is no registry to push to; give REGISTRY=HOST/PATH, such as ghcr.io/team, or OUTPUT=FOLDER to write OCI layouts instead")
	}
	if o.tag == "" { // As make gives it where there is none.
		o.tag = version.Version
	}
	return o, release.CheckTag(o.tag)
}

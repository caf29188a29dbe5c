// Package version is the version of all that this tree makes: programs, images,
// the Pulumi plugin with its SDK, and the policy pack.
package version

import (
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
)

// Version is written here and not read from git: programs are cached by what they
// are compiled from, and a version that changes with each commit would compile
// all of them anew at each commit. A release takes off the "-dev", and the commit
// after it names the next version (docs/releasing.md). So what is built between
// two releases never bears the name of one.
const Version = "0.1.0-dev"

// Answer prints the version of the program if its only argument asks for it, and
// says whether it did. args are [os.Args].
func Answer(args []string, out io.Writer) bool {
	if len(args) != 2 || !slices.Contains([]string{"--version", "-version", "version"}, args[1]) {
		return false
	}
	fmt.Fprintf(out, "%s %s (%s, %s/%s)\n", filepath.Base(args[0]), Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return true
}

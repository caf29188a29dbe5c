// Command release checks that the commit that is checked out can be released, as
// far as that is quickly done, and prints the version. It is the first step of
// `make release`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/gopherlocks/gopherlocks/version"
)

func main() {
	tree, err := look(context.Background())
	if err == nil {
		err = tree.check()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "This commit cannot be released (docs/releasing.md):\n%v\n", err)
		os.Exit(1)
	}
	fmt.Println(tree.version)
}

// look gathers what is to be judged.
func look(ctx context.Context) (tree, error) {
	t := tree{version: version.Version}
	var err error
	if t.changed, err = git(ctx, "status", "--porcelain"); err != nil {
		return t, err
	}
	if t.tags, err = git(ctx, "tag", "--list", tagOf(t.version)); err != nil {
		return t, err
	}
	changelog, err := os.ReadFile("CHANGELOG.md")
	t.changelog = string(changelog)
	return t, err
}

func git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimRight(string(output), "\n"), nil
}

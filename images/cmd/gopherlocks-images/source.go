package main

import (
	"context"
	"os/exec"
	"strings"
)

// findCommit returns the commit that is checked out in a folder, with "-dirty" if
// tracked files differ from it. It is "" if git knows none.
func findCommit(ctx context.Context, folder string) string {
	commit, err := exec.CommandContext(ctx, "git", "-C", folder, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(commit))
}

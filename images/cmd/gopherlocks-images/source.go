package main

import (
	"context"
	"os/exec"
	"strings"
)

// findCommit returns the commit that is checked out in a folder, with "-dirty"
// where tracked files differ from it; "" where git does not know one.
func findCommit(ctx context.Context, folder string) string {
	commit, err := exec.CommandContext(ctx, "git", "-C", folder, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(commit))
}

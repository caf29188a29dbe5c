package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// compile builds the module's programs into the folder dir. All that the
// compiler says goes to the file at logPath.
//
// An interrupted run loses nothing: Go's build cache has every compiled package,
// and the next run goes on from there.
func (m module) compile(ctx context.Context, dir, logPath string, s *step) error {
	flags := slices.Clone(buildFlags)
	if m.fork != nil {
		s.set("copying %s", m.fork.module)
		modfile, err := m.fork.make(ctx, m, filepath.Join(dir, "source"))
		if err != nil {
			return err
		}
		flags = append(flags, "-modfile="+modfile)
	}
	packages, err := m.list(ctx, downloads(s), flags...)
	if err != nil {
		return err
	}
	programs, err := goOutput(ctx, m.dir, slices.Concat([]string{"list"}, flags, m.packages())...)
	if err != nil {
		return err
	}
	args := slices.Concat([]string{"build", "-v", "-ldflags=" + m.ldflags, "-o", dir + string(filepath.Separator)}, flags, m.packages())
	log, err := os.Create(logPath)
	if err != nil {
		return fmt.Errorf("make the compiler's log: %w", err)
	}
	defer log.Close()

	count := newCompileCount(strings.Fields(packages), strings.Fields(programs))
	s.set("%s", count)
	var said strings.Builder // Besides the names of packages.
	cmd := goCommand(ctx, m.dir, args...)
	cmd.Stderr = io.MultiWriter(log, lineWriter(func(line string) {
		if count.note(line) {
			s.set("%s", count)
		} else {
			said.WriteString(line + "\n")
		}
	}))
	cmd.Stdout = cmd.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compile %s: %w\n%s\nthe whole log is in %s; correct the cause and run the command again, what was compiled until here is kept",
			m.title, err, lastLines(said.String(), shownLines), logPath)
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin/instance"
)

// Sources: flux-queue(1), flux-dump(1), flux-uptime(1), flux-getattr(1),
// flux-version(1) and their files in src/cmd.

func queueStop(args []string) (int, error)  { return setStopped(args, true) }
func queueStart(args []string) (int, error) { return setStopped(args, false) }

func setStopped(args []string, stopped bool) (int, error) {
	o, err := parseOptions(args, "a/all", "quiet", "m/message=", "nocheckpoint")
	if err != nil {
		return 2, err
	}
	start, all, reason := !stopped, true, o.text("message", "")
	change := instance.QueueChange{Start: &start, All: &all, Reason: reason, NoCheckpoint: o.has("nocheckpoint")}
	if err := update(func(s *instance.State) error { return s.StartQueue(change) }); err != nil || o.has("quiet") {
		return 0, err
	}
	printQueue(stopped, reason)
	return 0, nil
}

func queueStatus([]string) (int, error) {
	_, s, err := read()
	if err != nil {
		return 0, err
	}
	fmt.Println("Job submission is enabled")
	printQueue(s.Stopped, s.StopReason)
	return 0, nil
}

func printQueue(stopped bool, reason string) {
	switch {
	case !stopped:
		fmt.Println("Scheduling is started")
	case reason != "":
		fmt.Println("Scheduling is stopped: " + reason)
	default:
		fmt.Println("Scheduling is stopped")
	}
}

// queueIdle waits until no job runs and, in a queue that is not stopped, none is
// pending.
func queueIdle(args []string) (int, error) {
	o, err := parseOptions(args, "quiet")
	if err != nil {
		return 2, err
	}
	c, s, err := read()
	if err != nil {
		return 0, err
	}
	for {
		n := counts(s.Jobs)
		waiting := n["SCHED"] + n["DEPEND"]
		if n["RUN"]+n["CLEANUP"] == 0 && (s.Stopped || waiting == 0) {
			if !o.has("quiet") || waiting > 0 {
				fmt.Printf("%d jobs\n", waiting)
			}
			return 0, nil
		}
		time.Sleep(pollInterval)
		if s, err = c.folder.Renew(s); err != nil {
			return 0, err
		}
	}
}

// dump saves the state in a form that the stand-in's brokers restore, not Flux's;
// with --checkpoint the one that the lead has saved last.
func dump(args []string) (int, error) {
	o, err := parseOptions(args, "q/quiet", "checkpoint")
	if err != nil {
		return 2, err
	}
	paths, err := o.arguments(1, "OUTFILE")
	if err != nil {
		return 2, err
	}
	_, s, err := read()
	if err != nil {
		return 0, err
	}
	if o.has("checkpoint") {
		if s.Saved == "" {
			return 0, errors.New("error fetching checkpoints: No such file or directory")
		}
		if s, err = instance.ReadFile(s.Saved); err != nil {
			return 0, err
		}
	}
	return 0, instance.WriteFile(paths[0], s)
}

func printVersion([]string) (int, error) {
	fmt.Printf("commands:    \t\t%s\nlibflux-core:\t\t%s\n", version, version)
	if uri := os.Getenv("FLUX_URI"); uri != "" {
		if _, err := connect(); err != nil {
			return 1, err
		}
		fmt.Printf("broker:  \t\t%s\nFLUX_URI:\t\t%s\n", version, uri)
	}
	fmt.Print("build-options:\t\t+stand-in\n")
	return 0, nil
}

func uptime([]string) (int, error) {
	c, s, err := read()
	if err != nil {
		return 0, err
	}
	extra := ""
	if drained := len(s.Drained); drained > 0 {
		extra += fmt.Sprintf(",  %d drained", drained)
	}
	if offline := int(s.Size) - len(c.folder.Online(s)); offline > 0 {
		extra += fmt.Sprintf(",  %d offline", offline)
	}
	now := time.Now()
	fmt.Printf(" %s run %v,  owner %d,  depth 0,  size %d%s\n", now.Format(time.TimeOnly),
		now.Sub(time.Unix(s.Started, 0)).Round(time.Second), os.Getuid(), s.Size, extra)
	return 0, nil
}

func getattr(args []string) (int, error) {
	if len(args) != 1 {
		return 1, usagef("want the NAME of an attribute")
	}
	value, err := attribute(args[0])
	if err != nil {
		return 1, err
	}
	fmt.Println(value)
	return 0, nil
}

// config refuses a configuration that cannot be TOML. It reads no more of it than
// that a line is a comment, a table's name, or has a "=" or is within brackets.
func config(args []string) (int, error) {
	if len(args) == 0 || args[0] != "get" {
		return 2, usagef("the stand-in for Flux plays \"config get\" only")
	}
	o, err := parseOptions(args[1:], "c/config-path=")
	if err != nil {
		return 2, err
	}
	return 0, checkConfig(o.text("config-path", "."))
}

// tomlLine is what a line of our configurations looks like.
var tomlLine = regexp.MustCompile(`^\s*(#.*|\[.*\]\s*|[\]}],?\s*|[^=]+=.+|\{.*\},?\s*|)$`)

func checkConfig(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.toml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(text), "\n") {
			if !tomlLine.MatchString(line) {
				return fmt.Errorf("%s:%d: %q is no TOML", file, i+1, line)
			}
		}
	}
	return nil
}

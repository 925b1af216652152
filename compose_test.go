package clerkstream_test

import (
	"context"
	"go/scanner"
	"go/token"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

const composeFile = "docker-compose.yml"

func TestComposeNamesWhatExists(t *testing.T) {
	t.Parallel()
	for name, s := range compose(t).Services {
		if s.Build != nil {
			for _, path := range []string{s.Build.Context, filepath.Join(s.Build.Context, s.Build.Dockerfile)} {
				if _, err := os.Stat(path); err != nil {
					t.Errorf("%s: build: %v", name, err)
				}
			}
			if _, err := os.Stat(sourceOf(s.Command[0])); err != nil {
				t.Errorf("%s: command %q is none of the image's binaries: %v", name, s.Command, err)
			}
		}
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if info, err := os.Stat(v.Source); err != nil || !info.Mode().IsRegular() || !v.ReadOnly {
				t.Errorf("%s: %s is no file that is mounted read-only (%v)", name, v.Source, err)
			}
		}
	}
}

// sourceOf is the folder of one of the image's programs.
func sourceOf(program string) string {
	if slices.Contains([]string{"gateway", "orders"}, program) {
		return "examples/" + program
	}
	return "cmd/" + program
}

func TestTheImageHasEveryProgram(t *testing.T) {
	t.Parallel()
	built := strings.Fields(readFiles(t, "Dockerfile"))
	leftOut := regexp.MustCompile(`(?m)^[\w/]+/$`).FindAllString(readFiles(t, ".dockerignore"), -1)
	for name, s := range compose(t).Services {
		if s.Build == nil {
			continue
		}
		source := sourceOf(s.Command[0])
		if strings.HasPrefix(source, "examples/") && !slices.Contains(built, "./"+source) {
			t.Errorf("%s runs %s, which the Dockerfile does not build", name, source)
		}
		for _, p := range linked(t, source) {
			folder := strings.TrimPrefix(p.ImportPath, module+"/") + "/"
			if slices.ContainsFunc(leftOut, func(pattern string) bool { return strings.HasPrefix(folder, pattern) }) {
				t.Errorf("%s needs %s, which .dockerignore leaves out", name, folder)
			}
		}
	}
}

func TestComposeVerbsExist(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", dir+"/", "./cmd/clerkstream", "./examples/orders").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	asked := 0
	for name, s := range compose(t).Services {
		if s.Build == nil || len(s.Command) < 2 {
			continue
		}
		asked++
		out, err := exec.CommandContext(t.Context(), filepath.Join(dir, s.Command[0]), append(s.Command[1:], "--help")...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Usage: "+s.Command[0]+" "+s.Command[1]) {
			t.Errorf("%s: %q is no verb: %v\n%s", name, s.Command, err, out)
		}
	}
	if asked < 4 {
		t.Errorf("only %d services run a verb", asked)
	}
	for _, program := range []string{"clerkstream", "orders"} {
		if exec.CommandContext(t.Context(), filepath.Join(dir, program), "no-such-verb", "--help").Run() == nil {
			t.Errorf("the check is worthless: --help of an unknown verb of %s succeeds too", program)
		}
	}
}

// What the programs of other people read.
var imageVariables = map[string][]string{
	"postgres": {"POSTGRES_DB", "POSTGRES_PASSWORD"},
	"psql":     {"PGHOST", "PGUSER", "PGDATABASE", "PGPASSWORD"},
}

func TestComposeSetsOnlyVariablesThatAreRead(t *testing.T) {
	t.Parallel()
	for name, s := range compose(t).Services {
		var read string
		switch {
		case s.Build != nil:
			read = literals(t, sourceOf(s.Command[0]))
		case strings.HasPrefix(s.Image, "nats:"):
			read = readFiles(t, "deploy/nats/server.conf", "deploy/nats/accounts.conf")
		case len(s.Command) > 0:
			read = strings.Join(imageVariables[s.Command[0]], " ") + readFiles(t, "deploy/compose/logins.sql")
		default:
			image, _, _ := strings.Cut(s.Image, ":")
			read = strings.Join(imageVariables[image], " ")
		}
		for variable := range s.Environment {
			if !regexp.MustCompile(`\b` + variable + `\b`).MatchString(read) {
				t.Errorf("%s: nothing reads %s", name, variable)
			}
		}
	}
}

func TestComposeOpensNothingButIngestAndTheGatewayAndThatOnlyHere(t *testing.T) {
	t.Parallel()
	project := compose(t)
	open := map[string]uint32{"ingest": 8080, "gateway": 8081}
	for name, s := range project.Services {
		if len(s.Ports) > 0 && open[name] == 0 {
			t.Errorf("%s publishes %v", name, s.Ports)
		}
		for _, p := range s.Ports {
			if ip := net.ParseIP(p.HostIP); !ip.IsLoopback() || p.Target != open[name] {
				t.Errorf("%s publishes %s:%s to port %d", name, p.HostIP, p.Published, p.Target)
			}
		}
		if s.NetworkMode != "" || s.Privileged {
			t.Errorf("%s: network mode %q, privileged %t", name, s.NetworkMode, s.Privileged)
		}
	}
	for _, server := range []string{"nats", "postgres", "projector", "orders"} {
		for network := range project.Services[server].Networks {
			if !project.Networks[network].Internal {
				t.Errorf("%s is on %s, which leads out", server, network)
			}
		}
	}
}

// A service either stays, and can tell whether it is well, or does one thing and is done.
func TestComposeWaitsForWhatItNeeds(t *testing.T) {
	t.Parallel()
	project := compose(t)
	stays := func(s types.ServiceConfig) bool { return s.Restart == types.RestartPolicyUnlessStopped }
	for name, s := range project.Services {
		if s.Restart != types.RestartPolicyUnlessStopped && s.Restart != types.RestartPolicyNo {
			t.Errorf("%s: restart is %q", name, s.Restart)
		}
		if healthy := s.HealthCheck != nil && !s.HealthCheck.Disable; healthy != stays(s) {
			t.Errorf("%s: stays is %t, has a health check is %t", name, stays(s), healthy)
		}
		for other, need := range s.DependsOn {
			want := types.ServiceConditionCompletedSuccessfully
			if stays(project.Services[other]) {
				want = types.ServiceConditionHealthy
			}
			if _, exists := project.Services[other]; !exists || need.Condition != want {
				t.Errorf("%s depends on %s with %s, not %s", name, other, need.Condition, want)
			}
		}
	}
}

func TestComposeRefusesToStartWithoutAnyOfItsPasswords(t *testing.T) {
	t.Parallel()
	environment := dotEnv(t)
	for name := range environment {
		for _, value := range []string{"unset", "empty"} {
			without := maps.Clone(environment)
			if delete(without, name); value == "empty" {
				without[name] = ""
			}
			if _, err := load(t.Context(), without); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s %s: %v", name, value, err)
			}
		}
	}
	if defaults := regexp.MustCompile(`\$\{\w*(PASSWORD|SECRET)\w*(:?[-+][^}]*)?\}`).FindAllString(readFiles(t, composeFile), -1); defaults != nil {
		t.Errorf("not required, or with a default: %q", defaults)
	}
}

// The broker in the container is the one that everything here was tested with.
func TestComposeRunsTheTestedBroker(t *testing.T) {
	t.Parallel()
	version := regexp.MustCompile(`nats-server/v2 v(\d+\.\d+)`).FindStringSubmatch(readFiles(t, "go.mod"))
	if image := compose(t).Services["nats"].Image; version == nil || !strings.HasPrefix(image, "nats:"+version[1]) {
		t.Errorf("go.mod has nats-server %v, compose has %s", version, image)
	}
}

// compose is docker-compose.yml with every profile and the variables that make .env generates.
func compose(t *testing.T) *types.Project {
	t.Helper()
	project, err := load(t.Context(), dotEnv(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(project.Services) < 6 {
		t.Fatalf("only %d services", len(project.Services))
	}
	return project
}

func load(ctx context.Context, environment map[string]string) (*types.Project, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	return loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir: root, ConfigFiles: types.ToConfigFiles([]string{composeFile}), Environment: environment,
	}, loader.WithProfiles([]string{"*"}))
}

// dotEnv is a fresh .env, made as a person makes it.
func dotEnv(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	makeIt := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-C", dir, "-f", filepath.Join(root, "Makefile"), ".env")
	// Told by a make around this test, it would only say what it would do, or share jobs that are not there.
	makeIt.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS") })
	if out, err := makeIt.CombinedOutput(); err != nil {
		t.Fatalf("make .env: %v\n%s", err, out)
	}
	if info, err := os.Stat(filepath.Join(dir, ".env")); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("make .env: others may read it, or %v", err)
	}
	environment, err := dotenv.Read(filepath.Join(dir, ".env"))
	if err != nil || len(environment) < 8 {
		t.Fatalf("read .env: %d variables, %v", len(environment), err)
	}
	return environment
}

// linked are the packages of ours that a binary is made of, itself among them.
func linked(t *testing.T, binary string) []goPackage {
	t.Helper()
	packages := slices.Clone(loadPackages(t))
	main := slices.IndexFunc(packages, func(p goPackage) bool { return p.ImportPath == qualified(binary) })
	if main < 0 {
		t.Fatalf("no package %s", binary)
	}
	needed := append(slices.Clone(packages[main].Deps), packages[main].ImportPath)
	return slices.DeleteFunc(packages, func(p goPackage) bool { return !slices.Contains(needed, p.ImportPath) })
}

// literals is every string in the code that a binary links of ours: names of variables stand in calls and in struct tags.
func literals(t *testing.T, binary string) string {
	t.Helper()
	var found strings.Builder
	for _, p := range linked(t, binary) {
		for _, file := range p.GoFiles {
			source := []byte(readFiles(t, filepath.Join(p.Dir, file)))
			var s scanner.Scanner
			s.Init(token.NewFileSet().AddFile(file, -1, len(source)), source, nil, 0)
			for _, kind, text := s.Scan(); kind != token.EOF; _, kind, text = s.Scan() {
				if kind == token.STRING {
					found.WriteString(text + "\n")
				}
			}
		}
	}
	return found.String()
}

func readFiles(t *testing.T, paths ...string) string {
	t.Helper()
	var all strings.Builder
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

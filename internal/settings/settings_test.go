package settings_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/goleak"

	"github.com/clerkstream/clerkstream/internal/settings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type grammar struct {
	settings.NATS `embed:""`
	Count         int           `env:"SETTINGS_TEST_COUNT" default:"7"`
	Wait          time.Duration `env:"SETTINGS_TEST_WAIT" default:"3s"`
	Strict        bool          `env:"SETTINGS_TEST_STRICT"`
	Word          string        `env:"SETTINGS_TEST_WORD" default:"hello"`
}

// Not parallel: kong reads the environment of the process.
func TestParseTakesFlagsOverVariablesOverDefaults(t *testing.T) {
	t.Setenv("SETTINGS_TEST_COUNT", "8")
	t.Setenv("SETTINGS_TEST_WAIT", "4s")
	t.Setenv("SETTINGS_TEST_STRICT", "true")
	t.Setenv("SETTINGS_TEST_WORD", "") // as unset
	g := parse(t, "--wait=5s")
	if g.Count != 8 || g.Wait != 5*time.Second || !g.Strict || g.Word != "hello" {
		t.Errorf("got %+v", g)
	}
}

func TestParseReportsEveryWrongValueAtOnce(t *testing.T) {
	t.Setenv("SETTINGS_TEST_COUNT", "many")
	t.Setenv("SETTINGS_TEST_STRICT", "perhaps")
	var p settings.Problems
	settings.Parse(&p, new(grammar), []string{"--wait=soon"}, new(bytes.Buffer), kong.Name("test"))
	err := p.Err()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"3 wrong settings", "--count (SETTINGS_TEST_COUNT): ", "--strict (SETTINGS_TEST_STRICT): ", "--wait (SETTINGS_TEST_WAIT): "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
}

func TestParseReportsAnUnknownFlagAndPrintsHelp(t *testing.T) {
	t.Parallel()
	var p settings.Problems
	if settings.Parse(&p, new(grammar), []string{"--colour"}, new(bytes.Buffer), kong.Name("test")); p.Err() == nil {
		t.Error("unknown flag accepted")
	}
	p = settings.Problems{}
	var out bytes.Buffer
	_, done := settings.Parse(&p, new(grammar), []string{"--help"}, &out, kong.Name("test"), kong.Description("What it does."))
	if !done || p.Err() != nil || !strings.Contains(out.String(), "$SETTINGS_TEST_COUNT") || !strings.Contains(out.String(), "What it does.") {
		t.Errorf("help: done %v, problems %v, printed:\n%s", done, p.Err(), out.String())
	}
}

func TestAFlagWinsOverItsTwinAndTheTwinsFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("of-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ flag, variable, file, want string }{
		{"of-flag", "of-variable", "", "of-flag"},
		{"of-flag", "", file, "of-flag"},
		{"of-variable", "of-variable", "", "of-variable"}, // the parser has taken the variable for the flag
		{"", "", file, "of-file"},
		{"", "", "", ""},
	} {
		var p settings.Problems
		got := env(map[string]string{"S": c.variable, "S_FILE": c.file}).FlagOrSecret(&p, "S", c.flag)
		if got != c.want || p.Err() != nil {
			t.Errorf("%+v: %q, %v", c, got, p.Err())
		}
	}
}

func TestSecretComesFromTheVariableOrItsFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env     map[string]string
		want    string
		problem string
	}{
		"variable":     {env: map[string]string{"S": " from-env "}, want: "from-env"},
		"file":         {env: map[string]string{"S_FILE": file}, want: "from-file"},
		"neither":      {env: map[string]string{"S": "", "S_FILE": ""}},
		"both":         {env: map[string]string{"S": "x", "S_FILE": file}, problem: "S: is set, and S_FILE too"},
		"missing file": {env: map[string]string{"S_FILE": file + ".no"}, problem: "S_FILE: open "},
		"empty file":   {env: map[string]string{"S_FILE": empty}, problem: "S_FILE: " + empty + " is empty"},
	} {
		var p settings.Problems
		got := env(c.env).Secret(&p, "S")
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		checkProblem(t, name, &p, c.problem)
	}
}

func TestInstancesNameTheirSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		one, several string
		env          map[string]string
		want         []string // value of X for each instance, with the variable it came from
		problem      string
	}{
		"one, plain":              {one: "default", env: map[string]string{"X": "a"}, want: []string{"a X"}},
		"one, suffixed":           {one: "prod", env: map[string]string{"X_PROD": "a", "X": "b"}, want: []string{"a X_PROD"}, problem: "X: is set without a suffix: say X_PROD"},
		"one in the list":         {several: "prod", env: map[string]string{"X": "a"}, want: []string{"a X"}},
		"several":                 {several: "prod, eu-west", env: map[string]string{"X_PROD": "a", "X_EU_WEST": "b"}, want: []string{"a X_PROD", "b X_EU_WEST"}},
		"several, one missing":    {several: "prod,stg", env: map[string]string{"X_PROD": "a"}, want: []string{"a X_PROD", " X_STG"}},
		"several with a plain":    {several: "prod,stg", env: map[string]string{"X": "a", "X_PROD": "b", "X_STG": "c"}, want: []string{"b X_PROD", "c X_STG"}, problem: "X: is set without a suffix: say X_PROD, X_STG"},
		"same suffix":             {several: "a-b,a_b", want: []string{" X_A_B", " X_A_B"}, problem: `CLERK_INSTANCES: "a-b" and "a_b" have the same suffix _A_B`},
		"twice":                   {several: "a,a", want: []string{" X_A", " X_A"}, problem: `CLERK_INSTANCES: names "a" twice`},
		"a dot":                   {one: "a.b", want: []string{" X"}, problem: `CLERK_INSTANCE: "a.b" is not`},
		"upper case":              {one: "Prod", want: []string{" X"}, problem: `CLERK_INSTANCE: "Prod" is not`},
		"taken for a file":        {one: "file", want: []string{" X"}, problem: `CLERK_INSTANCE: "file" would make <NAME>_FILE`},
		"taken for another's one": {several: "eu,eu-file", want: []string{" X_EU", " X_EU_FILE"}, problem: `CLERK_INSTANCES: "eu-file" would make`},
	} {
		var p settings.Problems
		in := settings.NewInstances(env(c.env), &p, c.one, c.several)
		var got []string
		for _, n := range in.Names {
			value, key := in.Value(&p, "X", n)
			got = append(got, value+" "+key)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		checkProblem(t, name, &p, c.problem)
	}
}

func TestNATSResolve(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		nats    settings.NATS
		env     map[string]string
		problem string
	}{
		"one server":     {nats: settings.NATS{URL: "nats://u:hush@127.0.0.1:4222"}},
		"a cluster":      {nats: settings.NATS{URL: "nats://a:4222, tls://b:4222,c:4222"}},
		"from a file":    {nats: settings.NATS{URL: "::"}, env: map[string]string{"NATS_URL_FILE": write("url", "nats://u:hush@a:4222\n")}},
		"none":           {problem: "NATS_URL: names no server"},
		"no URL":         {nats: settings.NATS{URL: "nats://a:4222,nats://u:hush@[:"}, problem: "NATS_URL: server 2 is not a URL"},
		"another scheme": {nats: settings.NATS{URL: "http://u:hush@a"}, problem: "NATS_URL: server 1 is not a URL"},
		"no creds file":  {nats: settings.NATS{URL: "nats://a", Creds: dir + "/no"}, problem: "NATS_CREDS: open "},
		"no certificate": {nats: settings.NATS{URL: "nats://a", CA: write("ca", "hush")}, problem: "holds no PEM certificate"},
	} {
		var p settings.Problems
		c.nats.Resolve(env(c.env), &p)
		checkProblem(t, name, &p, c.problem)
		if err := p.Err(); err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: a secret in: %v", name, err)
		}
	}
}

func parse(t *testing.T, args ...string) grammar {
	t.Helper()
	var (
		p settings.Problems
		g grammar
	)
	settings.Parse(&p, &g, args, new(bytes.Buffer), kong.Name("test"))
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return g
}

func checkProblem(t *testing.T, name string, p *settings.Problems, want string) {
	t.Helper()
	switch err := p.Err(); {
	case want == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: problems %v, want %q", name, err, want)
	}
}

func env(vars map[string]string) settings.Env {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

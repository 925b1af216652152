package settings

import (
	"os"
	"strings"
)

// Env looks a variable up, as os.LookupEnv does.
type Env func(name string) (value string, ok bool)

// get treats an empty variable as unset: that is what `X=${X:-}` in a compose file and an empty field in a console make.
func (e Env) get(name string) string {
	v, _ := e(name)
	return v
}

const fileSuffix = "_FILE"

// Secret returns the variable's value, or what stands in the file that <name>_FILE names, without white space around it. Both at once
// is a problem, for nobody could tell which one counts; so is a file that cannot be read. Neither set gives "" and no problem.
func (e Env) Secret(p *Problems, name string) string {
	value, path := e.get(name), e.get(name+fileSuffix)
	switch {
	case path == "":
		return strings.TrimSpace(value)
	case value != "":
		p.Add(name, "is set, and %s too: use one of them", name+fileSuffix)
		return ""
	}
	content, err := os.ReadFile(path)
	if err != nil {
		p.Add(name+fileSuffix, "%v", err)
		return ""
	}
	if len(strings.TrimSpace(string(content))) == 0 {
		p.Add(name+fileSuffix, "%s is empty", path)
	}
	return strings.TrimSpace(string(content))
}

// FlagOrSecret is the value of a flag whose twin is the variable, or what Secret returns. The flag wins: who names something on the command line means
// that one, whatever the environment is set up for.
func (e Env) FlagOrSecret(p *Problems, name, flag string) string {
	// The parser has taken the variable for the flag where no flag was given.
	if flag != "" && flag != e.get(name) {
		return flag
	}
	return e.Secret(p, name)
}

// List splits a value at commas and white space, so that a list reads the same in a variable and in a file with one entry a line.
func List(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' })
}

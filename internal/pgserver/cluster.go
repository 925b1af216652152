package pgserver

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// clusterOf is the data folder under Options.Dir, "" when there is no such option.
func clusterOf(dir string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "data")
}

// majorOf is the version that made a cluster, 0 when there is none.
func majorOf(dataDir string) int {
	text, err := os.ReadFile(filepath.Join(dataDir, "PG_VERSION"))
	if err != nil {
		return 0
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return major
}

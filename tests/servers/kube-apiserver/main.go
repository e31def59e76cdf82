// A real Kubernetes API server with etcd inside, in one process, for tests.
//
// usage: kube-apiserver DIR
//
// Listens on free ports of 127.0.0.1, keeps everything in DIR, writes an administrator's kubeconfig
// to DIR/kubeconfig, prints "ready" and serves until its standard input closes; then it removes DIR. So
// it ends with the process that started it, however that ends. No kubelet, controllers or scheduler: Secrets,
// server-side apply, RBAC, dry runs, watches and service account tokens are the real thing.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: kube-apiserver DIR")
		os.Exit(2)
	}
	dir, err := filepath.Abs(os.Args[1])
	check(err)
	check(os.MkdirAll(dir, 0o700))
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		// Whoever started us is gone and cannot tidy up; etcd can still be writing.
		for range 3 {
			_ = os.RemoveAll(dir)
		}
		os.Exit(0)
	}()

	ports := freePorts(3)
	etcd := startEtcd(dir, ports[0], ports[1])
	key := filepath.Join(dir, "service-account.key")
	writeSigningKey(key)
	token := randomHex()
	tokens := filepath.Join(dir, "tokens.csv")
	check(os.WriteFile(tokens, []byte(token+",admin,admin,system:masters\n"), 0o600))

	server := fmt.Sprintf("https://127.0.0.1:%d", ports[2])
	certificates := filepath.Join(dir, "certificates")
	go func() {
		waitUntilReady(server)
		authority, err := os.ReadFile(filepath.Join(certificates, "apiserver.crt"))
		check(err)
		writeKubeconfig(filepath.Join(dir, "kubeconfig"), server, authority, token)
		fmt.Println("ready")
	}()

	command := app.NewAPIServerCommand()
	command.SetArgs([]string{
		"--etcd-servers=" + etcd,
		fmt.Sprintf("--secure-port=%d", ports[2]),
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--cert-dir=" + certificates,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + key,
		"--service-account-signing-key-file=" + key,
		"--token-auth-file=" + tokens,
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24",
		// Nobody makes the default service account here, so pods would be refused for want of it.
		"--disable-admission-plugins=ServiceAccount",
	})
	os.Exit(cli.Run(command))
}

func startEtcd(dir string, clientPort, peerPort int) string {
	client := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", clientPort)}
	peer := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", peerPort)}
	config := embed.NewConfig()
	config.Dir = filepath.Join(dir, "etcd")
	config.LogLevel = "error"
	// What is lost with the machine is only a test.
	config.UnsafeNoFsync = true
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	started, err := embed.StartEtcd(config)
	check(err)
	select {
	case <-started.Server.ReadyNotify():
	case <-time.After(60 * time.Second):
		check(fmt.Errorf("etcd is not ready after a minute"))
	}
	return client.String()
}

func writeSigningKey(path string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	der, err := x509.MarshalECPrivateKey(key)
	check(err)
	block := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	check(os.WriteFile(path, block, 0o600))
}

func waitUntilReady(server string) {
	// The certificate is made by the server itself while it starts.
	client := http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}
	for start := time.Now(); time.Since(start) < 2*time.Minute; time.Sleep(100 * time.Millisecond) {
		answer, err := client.Get(server + "/readyz")
		if err != nil {
			continue
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if bytes.Equal(body, []byte("ok")) {
			return
		}
	}
	check(fmt.Errorf("the API server is not ready after two minutes"))
}

// writeKubeconfig writes JSON, which every reader of YAML reads.
func writeKubeconfig(path, server string, authority []byte, token string) {
	named := func(kind string, value any) []any {
		return []any{map[string]any{"name": "test", kind: value}}
	}
	config, err := json.MarshalIndent(map[string]any{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": "test",
		"clusters":        named("cluster", map[string]any{"server": server, "certificate-authority-data": authority}),
		"users":           named("user", map[string]any{"token": token}),
		"contexts":        named("context", map[string]any{"cluster": "test", "user": "test", "namespace": "default"}),
	}, "", "  ")
	check(err)
	check(os.WriteFile(path, append(config, '\n'), 0o600))
}

func freePorts(count int) []int {
	ports := make([]int, count)
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		check(err)
		// All stay open until all are known, so that no port comes twice.
		defer listener.Close()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports
}

func randomHex() string {
	bytes := make([]byte, 16)
	_, err := rand.Read(bytes)
	check(err)
	return hex.EncodeToString(bytes)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

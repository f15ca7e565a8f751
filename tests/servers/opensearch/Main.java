import java.nio.file.Path;
import java.util.Optional;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import org.codelibs.opensearch.runner.OpenSearchRunner;
import org.opensearch.common.settings.Settings;
import org.opensearch.common.ssl.PemKeyConfig;
import org.opensearch.http.HttpServerTransport;
import org.opensearch.plugins.Plugin;
import org.opensearch.plugins.SecureHttpTransportSettingsProvider;
import org.opensearch.plugins.SecureSettingsFactory;
import org.opensearch.plugins.SecureTransportSettingsProvider;
import org.opensearch.plugins.TransportExceptionHandler;

/**
 * Runs one node of OpenSearch that also runs ingest pipelines, and speaks TLS.
 *
 * <p>Arguments: the home of the node, the port below that of HTTP, the name of the cluster, and the
 * files of the certificate and its key.
 */
public final class Main {
    private static SSLContext context;

    public static void main(String[] args) throws Exception {
        var key = new PemKeyConfig(Path.of(args[3]), Path.of(args[4]), new char[0]).createKeyManager();
        context = SSLContext.getInstance("TLS");
        context.init(new KeyManager[] {key}, null, null);
        OpenSearchRunner runner = new Runner();
        runner.onBuild((number, settings) -> {
            settings.putList("node.roles", "cluster_manager", "data", "ingest");
            settings.put("http.type", "netty4-secure");
        });
        runner.build(OpenSearchRunner.newConfigs()
            .basePath(args[0]).numOfNode(1).baseHttpPort(Integer.parseInt(args[1])).clusterName(args[2]).useLogger());
        Thread.currentThread().join();
    }

    private static final class Runner extends OpenSearchRunner {
        private Runner() {
            pluginList.add(Tls.class);
        }
    }

    /** Gives HTTP the certificate, as OpenSearch's security plugin does. */
    public static final class Tls extends Plugin
            implements SecureSettingsFactory, SecureHttpTransportSettingsProvider {
        @Override
        public Optional<SecureSettingsFactory> getSecureSettingFactory(Settings settings) {
            return Optional.of(this);
        }

        @Override
        public Optional<SecureTransportSettingsProvider> getSecureTransportSettingsProvider(Settings settings) {
            return Optional.empty();
        }

        @Override
        public Optional<SecureHttpTransportSettingsProvider> getSecureHttpTransportSettingsProvider(Settings settings) {
            return Optional.of(this);
        }

        @Override
        public Optional<TransportExceptionHandler> buildHttpServerExceptionHandler(
                Settings settings, HttpServerTransport transport) {
            return Optional.empty();
        }

        @Override
        public Optional<SSLEngine> buildSecureHttpServerEngine(Settings settings, HttpServerTransport transport)
                throws SSLException {
            SSLEngine engine = context.createSSLEngine();
            engine.setUseClientMode(false);
            return Optional.of(engine);
        }
    }
}

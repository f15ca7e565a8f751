package testnode;

import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginBundle;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * Runs one real node of Elasticsearch in a plain JVM.
 *
 * <p>Arguments: the folder with the modules, and the home of the node, which has config/elasticsearch.yml.
 */
public final class Main {
    public static void main(String[] args) throws Exception {
        Path modules = Path.of(args[0]).toAbsolutePath();
        Path home = Path.of(args[1]).toAbsolutePath();
        LogConfigurator.configureESLogging();
        Settings settings = Settings.builder().put("path.home", home.toString()).build();
        Environment environment = InternalSettingsPreparer.prepareEnvironment(
            settings, Map.of(), home.resolve("config"), () -> "testnode");
        Node node = new Node(environment, PluginsLoader.createPluginsLoader(bundles(modules), Set.of(), Map.of(), false));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception e) {
                e.printStackTrace();
            }
        }));
        node.start();
        Thread.currentThread().join();
    }

    /** 8.x takes a path, 9.x also whether stable plugins are looked for. */
    @SuppressWarnings("unchecked")
    private static Set<PluginBundle> bundles(Path folder) throws Exception {
        for (var method : PluginsLoader.class.getMethods()) {
            if (method.getName().equals("loadModulesBundles")) {
                Object found = method.getParameterCount() == 1
                    ? method.invoke(null, folder)
                    : method.invoke(null, folder, false);
                return (Set<PluginBundle>) found;
            }
        }
        throw new IllegalStateException("PluginsLoader has no loadModulesBundles");
    }
}

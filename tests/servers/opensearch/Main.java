import org.codelibs.opensearch.runner.OpenSearchRunner;

/**
 * Runs one node of OpenSearch that also runs ingest pipelines.
 *
 * <p>Arguments: the home of the node, the port below that of HTTP, and the name of the cluster.
 */
public final class Main {
    public static void main(String[] args) throws Exception {
        OpenSearchRunner runner = new OpenSearchRunner();
        runner.onBuild((number, settings) -> settings.putList("node.roles", "cluster_manager", "data", "ingest"));
        runner.build(OpenSearchRunner.newConfigs()
            .basePath(args[0]).numOfNode(1).baseHttpPort(Integer.parseInt(args[1])).clusterName(args[2]).useLogger());
        Thread.currentThread().join();
    }
}

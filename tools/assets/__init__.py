"""Makes what ``esa-forwarder setup`` installs, from sources that can be read and reviewed.

    python -m tools.assets

writes the files in ``plugins/forwarder_elasticsearch/assets`` anew. The sources: the table of
fields (:mod:`forwarder.ecs.fields`) and, in this folder, ``searches.yaml``, ``dashboard.yaml`` and
``rules.yaml``. A test holds the files to what is made of these.
"""
